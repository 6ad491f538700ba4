/*
 * Runs kernels for NVIDIA GPUs on the host's CPU, one fiber for each work-item, one work-group after
 * the other: what lib/nvidia_warp.clh offers is served by warp_primitives.c. It is strict where a
 * GPU would quietly be wrong: copies land only when they are waited for, and local memory begins as
 * NaN; all lanes of a warp must make the same call; loads of matrices must be aligned; every access
 * must lie inside a buffer, the local memory or the work-item's own variables. What it cannot see:
 * two warps that touch the same place between the same two barriers, unless one of the orders in
 * which it runs them makes the result wrong.
 *
 * One run at a time in a process. x86-64 and 64-bit Arm calling conventions are not told apart:
 * x86-64 only.
 */
#ifndef CLF_TESTS_WARP_EMULATOR_H
#define CLF_TESTS_WARP_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which work-item goes first wherever several could. Each runs until it must wait. */
typedef enum warp_emulator_order {
    WARP_EMULATOR_ASCENDING,  /* a warp goes on as long as it can, the first one first */
    WARP_EMULATOR_DESCENDING, /* ... the last one first, its last lane first */
    WARP_EMULATOR_ROUNDS,     /* all in turn */
    WARP_EMULATOR_NUM_ORDERS
} warp_emulator_order;

typedef struct warp_emulator_range {
    uintptr_t begin;
    uintptr_t end;
} warp_emulator_range;

/* A kernel as a shared library; see warp_emulator_compile. */
typedef struct warp_emulator_module {
    void *library;
    void (*kernel)(void);
    warp_emulator_range writable; /* the library's data: its __local variables are there */
} warp_emulator_module;

enum { WARP_EMULATOR_MAX_WORDS = 160 };

typedef struct warp_emulator_job {
    const warp_emulator_module *module;
    size_t num_groups;
    size_t group_size; /* a multiple of 32 */
    warp_emulator_order order;
    /* Arguments as 8-byte words: addresses and integers take one each, and there are six or more;
     * then structs of more than 16 bytes by value. */
    uint64_t words[WARP_EMULATOR_MAX_WORDS];
    warp_emulator_range ranges[32]; /* global memory that the kernel may touch */
    size_t num_ranges;
} warp_emulator_job;

typedef struct warp_emulator_report {
    char error[256]; /* "" if nothing is wrong */
    long num_matrix_loads;
    long num_bank_conflicts;
    long num_products;
} warp_emulator_report;

/* Whether kernels can be compiled here; else prints why not. */
bool warp_emulator_available(void);

/* `source`: complete, see warp_emulator_source; `options`: as for clBuildProgram. False, and the
 * compiler has said why on stderr, if it does not compile. */
bool warp_emulator_compile(const char *source, const char *options, const char *kernel,
                           warp_emulator_module *out_module);
void warp_emulator_unload(warp_emulator_module *module);

/* The source with the functions of lib/nvidia_warp.clh, which #line markers show, replaced by the
 * emulator's; to release with free. NULL if it does not use them. */
char *warp_emulator_source(const char *source);

/* Goes on counting in the report; false if `error` was set, which ends the run. */
bool warp_emulator_run(const warp_emulator_job *job, warp_emulator_report *report);

/* Makes every product wrong, to see whether that is noticed. */
void warp_emulator_break_products(bool broken);

#endif
