/* From a kernel's source to a shared library of the host's, by clang's OpenCL front end, with every
 * access to memory reported to warp_primitives.c. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "warp_emulator.h"

#define COMPILER    "clang-14"
#define REPLACED    "lib/nvidia_warp.clh"
#define LINE_MARKER "#line "

bool warp_emulator_available(void) {
#if !defined(__x86_64__)
    printf("not run: the warp emulator needs an x86-64 CPU\n");
    return false;
#else
    const bool found =
        system("command -v " COMPILER " >/dev/null 2>&1") == 0; /* NOLINT(cert-env33-c) */
    if (!found) {
        printf("not run: the warp emulator needs " COMPILER ", which is not installed\n");
    }
    return found;
#endif
}

/* ---- The source ---- */

static const char emulated[] = {
#include "emulated_warp.inc"
    '\0'};

char *warp_emulator_source(const char *source) {
    const size_t capacity = strlen(source) + sizeof emulated + 64;
    char *result = malloc(capacity);
    size_t length = 0;
    bool replaces = false;
    bool found = false;
    if (result == NULL) {
        return NULL;
    }
    for (const char *line = source; *line != '\0';) {
        const size_t size = strcspn(line, "\n") + (strchr(line, '\n') != NULL);
        if (strncmp(line, LINE_MARKER, strlen(LINE_MARKER)) == 0) {
            const char *name = memchr(line, '"', size);
            replaces = name != NULL && strncmp(name + 1, REPLACED "\"", sizeof REPLACED) == 0;
            if (replaces && !found) {
                length += (size_t)snprintf(result + length, capacity - length,
                                           "#line 1 \"emulated_warp.clh\"\n%s\n", emulated);
                found = true;
            }
        }
        if (!replaces) {
            memcpy(result + length, line, size);
            length += size;
        }
        line += size;
    }
    result[length] = '\0';
    if (!found) {
        free(result);
        return NULL;
    }
    return result;
}

/* ---- The library ---- */

typedef struct data_search {
    uintptr_t address; /* of the kernel */
    warp_emulator_range writable;
} data_search;

/* The writable segment of the library that holds the kernel. */
static int find_data(struct dl_phdr_info *info, size_t size, void *context) {
    data_search *search = context;
    bool is_it = false;
    warp_emulator_range writable = {0, 0};
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD) {
            is_it |= search->address >= begin && search->address < begin + segment->p_memsz;
            if ((segment->p_flags & PF_W) != 0) {
                writable = (warp_emulator_range){begin, begin + segment->p_memsz};
            }
        }
    }
    if (is_it) {
        search->writable = writable;
    }
    return is_it;
}

static bool load(const char *path, const char *kernel, warp_emulator_module *module) {
    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module->library != NULL ? dlsym(module->library, kernel) : NULL;
    if (symbol == NULL) {
        const char *why = dlerror();
        fprintf(stderr, "warp emulator: %s\n", why != NULL ? why : "no such kernel");
        return false;
    }
    memcpy(&module->kernel, &symbol, sizeof symbol);
    data_search search = {(uintptr_t)symbol, {0, 0}};
    dl_iterate_phdr(find_data, &search);
    module->writable = search.writable;
    return true;
}

/* Only what clang's driver itself knows of an OpenCL compiler's options. */
static void copy_definitions(const char *options, char *text, size_t capacity) {
    size_t length = 0;
    text[0] = '\0';
    for (const char *at = strstr(options, "-D"); at != NULL; at = strstr(at + 2, "-D")) {
        const int word = (int)strcspn(at, " ");
        length += (size_t)snprintf(text + length, capacity - length, " '%.*s'", word, at);
    }
}

/* This code's own file, against which the kernel is linked: a loaded module's functions are not
 * found otherwise. A program exports them instead. */
static const char *own_file(void) {
    Dl_info info;
    static const char here = 0;
    const bool found = dladdr(&here, &info) != 0 && strstr(info.dli_fname, ".so") != NULL;
    return found ? info.dli_fname : "";
}

bool warp_emulator_compile(const char *source, const char *options, const char *kernel,
                           warp_emulator_module *out_module) {
    char folder[] = "/tmp/clformer-warp-XXXXXX";
    char path[64];
    char definitions[4096];
    char command[6144];
    memset(out_module, 0, sizeof *out_module);
    if (mkdtemp(folder) == NULL) {
        perror("warp emulator: mkdtemp");
        return false;
    }
    snprintf(path, sizeof path, "%s/kernel.cl", folder);
    FILE *file = fopen(path, "w");
    bool ok = file != NULL && fputs(source, file) >= 0;
    ok = file != NULL && fclose(file) == 0 && ok;
    copy_definitions(options, definitions, sizeof definitions);
    snprintf(command, sizeof command,
             COMPILER " -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -O1 -w -fPIC"
                      " -ffp-contract=off -fsanitize=kernel-address"
                      " -mllvm -asan-instrumentation-with-call-threshold=0 -mllvm -asan-stack=0"
                      " -mllvm -asan-globals=0%s -c %s/kernel.cl -o %s/kernel.o &&"
                      " " COMPILER " -shared %s/kernel.o %s -o %s/kernel.so",
             definitions, folder, folder, folder, own_file(), folder);
    ok = ok && system(command) == 0; /* NOLINT(cert-env33-c) */
    snprintf(path, sizeof path, "%s/kernel.so", folder);
    ok = ok && load(path, kernel, out_module);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0) { /* NOLINT(cert-env33-c) */
        fprintf(stderr, "warp emulator: cannot remove %s\n", folder);
    }
    return ok;
}

void warp_emulator_unload(warp_emulator_module *module) {
    if (module->library != NULL) {
        dlclose(module->library);
    }
    memset(module, 0, sizeof *module);
}
