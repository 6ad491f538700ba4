/* Name and version of the records that `run --format json` writes and `compare` reads. */
#ifndef CLFORMER_BENCH_SCHEMA_H
#define CLFORMER_BENCH_SCHEMA_H

#define SCHEMA_NAME    "clformer-bench"
#define SCHEMA_VERSION 1

#endif
