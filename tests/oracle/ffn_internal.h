/* Between the parts of the FFN oracle. */
#ifndef CLF_TESTS_FFN_INTERNAL_H
#define CLF_TESTS_FFN_INTERNAL_H

#include "ffn_oracle.h"

/* Makes the weights of the expert at hand. */
void oracle_ffn_load_expert(oracle_ffn *problem, int64_t expert);

double oracle_ffn_x(const oracle_ffn *problem, int64_t token, int64_t column);
/* Of [N] or [E,N]; `missing` if the operand is not given. */
double oracle_ffn_column(const oracle_ffn *problem, const oracle_operand *operand, int64_t expert,
                         int64_t column, double missing);
/* The fp32 number that a dequantising scale stands for. */
double oracle_ffn_deq_scale(const oracle_ffn *problem, const oracle_operand *operand,
                            int64_t expert, int64_t column);
double oracle_ffn_scale(const oracle_ffn *problem, int64_t expert, int64_t column);
double oracle_ffn_offset(const oracle_ffn *problem, int64_t expert);

#endif
