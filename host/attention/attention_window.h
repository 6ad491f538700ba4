/* The rules on sparse modes, tokens and prefixes, and when rows without a computed pair give zeros.
 */
#ifndef CLF_ATTENTION_ATTENTION_WINDOW_H
#define CLF_ATTENTION_ATTENTION_WINDOW_H

#include <stdbool.h>

#include "attention/attention_geometry.h"
#include "shape/visibility.h"

/* CLF_ERR_TILING with a sentence if mode, tokens or prefix break a rule. Only with an atten_mask:
 * without one they are ignored. */
clf_status clf_i_attention_check_window(const clf_flash_attention_args *args,
                                        const clf_i_attention_geometry *geometry);

/* inner_precise 2, or a geometry that alone makes rows empty. `has_mask`: atten_mask is given. */
bool clf_i_attention_empty_rows_are_zero(const clf_flash_attention_args *args,
                                         const clf_i_attention_geometry *geometry, bool has_mask);

/* The batch element that modes 7 and 8 treat as a slice of a longer sequence; -1 in other modes. */
int64_t clf_i_attention_slice_element(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry);

#endif
