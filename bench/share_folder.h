/* Where the tool's data files are: in the source tree it was built from, or installed beside it. */
#ifndef CLFORMER_BENCH_SHARE_FOLDER_H
#define CLFORMER_BENCH_SHARE_FOLDER_H

/* Parts of the tree that are installed: recorded tensors, and the peers' scripts. */
typedef enum share_part { SHARE_DATA, SHARE_PEERS } share_part;

/* A folder that exists if there is one; static storage. */
const char *share_folder(share_part part);

#endif
