/*
 * One pinned thread per CPU. Pinning matters: unpinned threads are often placed on one core after
 * an idle phase, and the baseline they measure is then half of what the machine can do.
 */
#include "thread_team.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "timing.h"

typedef struct team_member {
    thread_team *team;
    size_t index;
    int cpu; /* -1: not pinned */
    pthread_t thread;
    double begin;
    double end;
} team_member;

struct thread_team {
    size_t size;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_barrier_t start;
    pthread_barrier_t finish; /* the members and the caller */
    unsigned long generation;
    bool stop;
    team_task task;
    void *context;
    team_member members[];
};

static void pin_to(int cpu) {
#ifdef __linux__
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
#else
    (void)cpu;
#endif
}

/* Fills `cpus` with the CPUs this process may run on; returns their number. */
static size_t allowed_cpus(int *cpus, size_t capacity) {
    size_t count = 0;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE && count < capacity; cpu++) {
            if (CPU_ISSET((size_t)cpu, &set)) {
                cpus[count++] = cpu;
            }
        }
        return count;
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    while (count < capacity && (long)count < online) {
        cpus[count++] = -1;
    }
    return count;
}

/* Waits for work newer than *generation; false if the team ends. */
static bool wait_for_work(thread_team *team, unsigned long *generation) {
    pthread_mutex_lock(&team->mutex);
    while (team->generation == *generation && !team->stop) {
        pthread_cond_wait(&team->wake, &team->mutex);
    }
    bool stop = team->stop;
    *generation = team->generation;
    pthread_mutex_unlock(&team->mutex);
    return !stop;
}

static void *member_main(void *argument) {
    team_member *member = argument;
    thread_team *team = member->team;
    unsigned long generation = 0;
    pin_to(member->cpu);
    while (wait_for_work(team, &generation)) {
        pthread_barrier_wait(&team->start);
        member->begin = now_seconds();
        team->task(team->context, member->index, team->size);
        member->end = now_seconds();
        pthread_barrier_wait(&team->finish);
    }
    return NULL;
}

thread_team *thread_team_create(void) {
    enum { MAX_CPUS = 1024 };
    int cpus[MAX_CPUS];
    size_t size = allowed_cpus(cpus, MAX_CPUS);
    size = size ? size : 1;
    thread_team *team = calloc(1, sizeof *team + size * sizeof team->members[0]);
    if (!team) {
        return NULL;
    }
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    pthread_barrier_init(&team->start, NULL, (unsigned)size);
    pthread_barrier_init(&team->finish, NULL, (unsigned)size + 1);
    for (size_t i = 0; i < size; i++) {
        team->members[i] = (team_member){.team = team, .index = i, .cpu = cpus[i]};
        if (pthread_create(&team->members[i].thread, NULL, member_main, &team->members[i])) {
            thread_team_destroy(team);
            return NULL;
        }
        team->size = i + 1;
    }
    return team;
}

void thread_team_destroy(thread_team *team) {
    if (!team) {
        return;
    }
    pthread_mutex_lock(&team->mutex);
    team->stop = true;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
    for (size_t i = 0; i < team->size; i++) {
        pthread_join(team->members[i].thread, NULL);
    }
    pthread_barrier_destroy(&team->finish);
    pthread_barrier_destroy(&team->start);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}

size_t thread_team_size(const thread_team *team) {
    return team->size;
}

double thread_team_run(thread_team *team, team_task task, void *context) {
    pthread_mutex_lock(&team->mutex);
    team->task = task;
    team->context = context;
    team->generation++;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
    pthread_barrier_wait(&team->finish);
    double begin = team->members[0].begin;
    double end = team->members[0].end;
    for (size_t i = 1; i < team->size; i++) {
        begin = team->members[i].begin < begin ? team->members[i].begin : begin;
        end = team->members[i].end > end ? team->members[i].end : end;
    }
    return end - begin;
}

void team_share(size_t total, size_t index, size_t count, size_t *begin, size_t *end) {
    *begin = total / count * index + (total % count * index) / count;
    *end = total / count * (index + 1) + (total % count * (index + 1)) / count;
}
