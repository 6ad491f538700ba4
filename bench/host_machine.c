/* What is known of the host: memory that can be had, and the processor's name. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t host_memory_available(void) {
    static const char key[] = "MemAvailable:";
    unsigned long long kibibytes = 0;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, sizeof key - 1) == 0) {
            kibibytes = strtoull(line + sizeof key - 1, NULL, 10);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    if (kibibytes) {
        return (uint64_t)kibibytes * 1024;
    }
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_size > 0 ? (uint64_t)pages * (uint64_t)page_size / 2 : UINT64_MAX;
}

const char *host_cpu_name(void) {
    static char name[IDENTITY_LENGTH];
    char line[512];
    FILE *file = name[0] ? NULL : fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && value) {
            value += strspn(value, ": \t");
            value[strcspn(value, "\n")] = '\0';
            snprintf(name, sizeof name, "%.*s", IDENTITY_LENGTH - 1, value);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return name[0] ? name : "unknown";
}
