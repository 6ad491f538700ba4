/* What the parts of the emulator know of a run; see warp_emulator.h. */
#ifndef CLF_TESTS_WARP_FIBERS_H
#define CLF_TESTS_WARP_FIBERS_H

#include "warp_emulator.h"

enum { WARP_SIZE = 32, WARP_MAX_ITEMS = 1024, WARP_STACK = 1 << 18 };

/* A call that all lanes of a warp make together. */
typedef struct warp_call {
    const char *name;
    /* Done once for the whole warp, by the lane that comes last. */
    void (*perform)(struct warp_call *calls[WARP_SIZE]);
    uint32_t in[6];
    uint32_t flag;
    uint32_t *out; /* words of the result, also inputs for sums */
} warp_call;

/* The run's job and report, and the work-item that runs now. */
const warp_emulator_job *warp_fibers_job(void);
warp_emulator_report *warp_fibers_report(void);
size_t warp_fibers_item(void);
size_t warp_fibers_group(void);
warp_emulator_range warp_fibers_stack(void);

/* Waits for the other lanes. */
void warp_fibers_call(warp_call *call);
void warp_fibers_barrier(void);

/* Ends the run with the sentence, printf-like. */
void warp_fibers_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A new work-group begins: forgets pending copies and local memory. */
void warp_memory_begin_group(void);

#endif
