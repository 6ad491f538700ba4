/* Fibers: work-items of one work-group at a time, each with a stack of its own; who runs next. */
#define _GNU_SOURCE
/* The checked longjmp refuses to go to another stack. */
#undef _FORTIFY_SOURCE
#include "warp_fibers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef enum fiber_state { FRESH, READY, IN_CALL, IN_BARRIER, DONE } fiber_state;

typedef struct fiber {
    fiber_state state;
    jmp_buf place;
    warp_call *call;
} fiber;

static fiber fibers[WARP_MAX_ITEMS];
static char *stacks;
static size_t current;
static size_t current_group;
static jmp_buf scheduler;
static const warp_emulator_job *job;
static warp_emulator_report *report;

enum { WENT_ON = 1, FAILED = 2 };

const warp_emulator_job *warp_fibers_job(void) {
    return job;
}

warp_emulator_report *warp_fibers_report(void) {
    return report;
}

size_t warp_fibers_item(void) {
    return current;
}

size_t warp_fibers_group(void) {
    return current_group;
}

warp_emulator_range warp_fibers_stack(void) {
    const uintptr_t begin = (uintptr_t)(stacks + current * WARP_STACK);
    return (warp_emulator_range){begin, begin + WARP_STACK};
}

void warp_fibers_fail(const char *format, ...) {
    va_list arguments;
    const int length = snprintf(report->error, sizeof report->error,
                                "group %zu, work-item %zu: ", current_group, current);
    va_start(arguments, format);
    vsnprintf(report->error + length, sizeof report->error - (size_t)length, format, arguments);
    va_end(arguments);
    _longjmp(scheduler, FAILED);
}

/* ---- A work-item ---- */

/* Words behind the registers: by value, so that the caller's frame holds them as arguments. */
typedef struct stack_words {
    uint64_t words[WARP_EMULATOR_MAX_WORDS - 6];
} stack_words;

typedef void kernel_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                             stack_words);

static void run_item(void) {
    kernel_function *kernel = NULL;
    stack_words rest;
    const uint64_t *words = job->words;
    memcpy(&kernel, &job->module->kernel, sizeof kernel);
    memcpy(&rest, words + 6, sizeof rest);
    kernel(words[0], words[1], words[2], words[3], words[4], words[5], rest);
    fibers[current].state = DONE;
    _longjmp(scheduler, WENT_ON);
}

static void wait_as(fiber_state state) {
    fibers[current].state = state;
    if (_setjmp(fibers[current].place) == 0) {
        _longjmp(scheduler, WENT_ON);
    }
}

void warp_fibers_call(warp_call *call) {
    const size_t first = current / WARP_SIZE * WARP_SIZE;
    warp_call *calls[WARP_SIZE];
    fibers[current].call = call;
    fibers[current].state = IN_CALL;
    for (size_t lane = 0; lane < WARP_SIZE; lane++) {
        if (fibers[first + lane].state != IN_CALL) {
            wait_as(IN_CALL);
            return;
        }
        calls[lane] = fibers[first + lane].call;
    }
    for (size_t lane = 0; lane < WARP_SIZE; lane++) {
        if (strcmp(calls[lane]->name, call->name) != 0) {
            warp_fibers_fail("%s meets %s of another lane of its warp", call->name,
                             calls[lane]->name);
        }
    }
    call->perform(calls);
    for (size_t lane = 0; lane < WARP_SIZE; lane++) {
        fibers[first + lane].state = READY;
    }
}

void warp_fibers_barrier(void) {
    fibers[current].state = IN_BARRIER;
    for (size_t item = 0; item < job->group_size; item++) {
        if (fibers[item].state != IN_BARRIER) {
            wait_as(IN_BARRIER);
            return;
        }
    }
    for (size_t item = 0; item < job->group_size; item++) {
        fibers[item].state = READY;
    }
}

/* ---- The scheduler ---- */

static ucontext_t start_context;

/* Lets a work-item go on until it waits; false: the run has failed. */
static bool resume(size_t item) {
    const int how = _setjmp(scheduler);
    if (how != 0) {
        return how == WENT_ON;
    }
    current = item;
    if (fibers[item].state == FRESH) {
        getcontext(&start_context);
        start_context.uc_stack.ss_sp = stacks + item * WARP_STACK;
        start_context.uc_stack.ss_size = WARP_STACK;
        start_context.uc_link = NULL;
        makecontext(&start_context, run_item, 0);
        setcontext(&start_context);
    }
    _longjmp(fibers[item].place, WENT_ON);
}

static bool can_go_on(size_t item) {
    return fibers[item].state == FRESH || fibers[item].state == READY;
}

static const char *state_text(const fiber *of) {
    return of->state == IN_CALL      ? of->call->name
           : of->state == IN_BARRIER ? "a barrier"
                                     : "the kernel's end";
}

/* Somebody waits for what will not come. */
static bool fail_stuck(void) {
    for (size_t item = 1; item < job->group_size; item++) {
        if (fibers[item].state != fibers[0].state || fibers[item].call != fibers[0].call) {
            snprintf(report->error, sizeof report->error,
                     "group %zu: work-item 0 is at %s, work-item %zu at %s, for ever",
                     current_group, state_text(&fibers[0]), item, state_text(&fibers[item]));
            if (fibers[item].state != fibers[0].state) {
                break;
            }
        }
    }
    return false;
}

/* One turn for each work-item, or, for a warp that goes on as long as it can, many. Returns how
 * many went on, or -1 if the run has failed. */
static long run_warps(void) {
    const size_t size = job->group_size;
    const bool descends = job->order == WARP_EMULATOR_DESCENDING;
    long went_on = 0;
    for (size_t warp = 0; warp < size; warp += WARP_SIZE) {
        long before = -1;
        while (before != went_on) {
            before = went_on;
            for (size_t lane = 0; lane < WARP_SIZE; lane++) {
                const size_t place = warp + lane;
                const size_t item = descends ? size - 1 - place : place;
                if (can_go_on(item)) {
                    went_on++;
                    if (!resume(item)) {
                        return -1;
                    }
                }
            }
            if (job->order == WARP_EMULATOR_ROUNDS) {
                break;
            }
        }
    }
    return went_on;
}

static bool run_group(void) {
    for (size_t item = 0; item < job->group_size; item++) {
        fibers[item].state = FRESH;
        fibers[item].call = NULL;
    }
    warp_memory_begin_group();
    for (;;) {
        const long went_on = run_warps();
        if (went_on < 0) {
            return false;
        }
        if (went_on == 0) {
            size_t done = 0;
            for (size_t item = 0; item < job->group_size; item++) {
                done += fibers[item].state == DONE;
            }
            return done == job->group_size || fail_stuck();
        }
    }
}

bool warp_emulator_run(const warp_emulator_job *wanted, warp_emulator_report *counts) {
    job = wanted;
    report = counts;
    report->error[0] = '\0';
    if (job->group_size == 0 || job->group_size % WARP_SIZE != 0 ||
        job->group_size > WARP_MAX_ITEMS) {
        snprintf(report->error, sizeof report->error, "work-groups of %zu are not emulated",
                 job->group_size);
        return false;
    }
    if (stacks == NULL) {
        stacks = mmap(NULL, (size_t)WARP_MAX_ITEMS * WARP_STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) {
            stacks = NULL;
            snprintf(report->error, sizeof report->error, "no memory for stacks");
            return false;
        }
    }
    for (current_group = 0; current_group < job->num_groups; current_group++) {
        if (!run_group()) {
            return false;
        }
    }
    return true;
}
