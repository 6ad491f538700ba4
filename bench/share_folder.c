/* An installed tree may be moved: its folders are found from where the program itself is. */
#include "share_folder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096, NUM_PARTS = 2 };

static const char *const source_folders[NUM_PARTS] = {CLFORMER_BENCH_SOURCE_DATA,
                                                      CLFORMER_BENCH_SOURCE_PEERS};
static const char *const installed_names[NUM_PARTS] = {"data", "peers"};
static const char *const witnesses[NUM_PARTS] = {"minilm/minilm.json", "torch_peer.py"};

/* Writes <folder of this program>/<path to share>/<name>; false if the program cannot be found. */
static int installed_folder(share_part part, char *out) {
    char program[PATH_LENGTH];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return 0;
    }
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash) {
        *slash = '\0';
    }
    int written = snprintf(out, PATH_LENGTH, "%s/%s/%s", program, CLFORMER_BENCH_BIN_TO_SHARE,
                           installed_names[part]);
    return written > 0 && written < PATH_LENGTH;
}

const char *share_folder(share_part part) {
    static char folders[NUM_PARTS][PATH_LENGTH];
    char witness[PATH_LENGTH + 64];
    if (!installed_folder(part, folders[part])) {
        return source_folders[part];
    }
    snprintf(witness, sizeof witness, "%s/%s", folders[part], witnesses[part]);
    return access(witness, R_OK) == 0 ? folders[part] : source_folders[part];
}
