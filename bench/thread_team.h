/* One pinned host thread per CPU this process may use: for baselines, peers and verification. */
#ifndef CLFORMER_BENCH_THREAD_TEAM_H
#define CLFORMER_BENCH_THREAD_TEAM_H

#include <stddef.h>

typedef struct thread_team thread_team;

/* Runs on every thread of the team; `index` counts 0..count-1. */
typedef void (*team_task)(void *context, size_t index, size_t count);

/* NULL if threads or memory cannot be had. */
thread_team *thread_team_create(void);
void thread_team_destroy(thread_team *team);

size_t thread_team_size(const thread_team *team);

/* Runs the task on all threads, waits, and returns the seconds from the first start to the last
 * end: waking the threads does not count. */
double thread_team_run(thread_team *team, team_task task, void *context);

/* The part [*begin, *end) of `total` units that thread `index` of `count` takes. */
void team_share(size_t total, size_t index, size_t count, size_t *begin, size_t *end);

#endif
