/* Compiled programs on disk: reading and writing one entry. The folder's care is in cache_folder.c.
 */
#include "device/disk_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "device/cache_folder.h"

#define FORMAT_VERSION 1u

typedef struct file_header {
    char magic[8];
    uint32_t version;
    uint32_t reserved;
    uint64_t key_size;
    uint64_t value_size;
} file_header;

static const char file_magic[8] = {'C', 'L', 'F', 'C', 'A', 'C', 'H', 'E'};

/* An entry's whole file. */
typedef struct block {
    unsigned char *bytes;
    size_t size;
} block;

static bool entry_path(const char *folder, const void *key, size_t key_size, clf_i_text *path) {
    char name[CLF_I_HASH_TEXT];
    clf_i_hash_text(clf_i_hash_bytes(key, key_size), name);
    clf_i_text_format(path, "%s/%s%s", folder, name, CLF_I_CACHE_SUFFIX);
    return !path->failed;
}

static bool read_all(int file, unsigned char *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        const ssize_t count = read(file, bytes + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

static bool write_all(int file, const unsigned char *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        const ssize_t count = write(file, bytes + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

/* The file's bytes, or none if it is absent, no plain file, of a senseless size or unreadable. */
static block read_file(const char *path) {
    block result = {NULL, 0};
    /* Not blocking: the path may be a FIFO that nobody writes. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        if (errno != ENOENT) {
            clf_i_log(CLF_LOG_CACHE, "cannot open %s: %s", path, strerror(errno));
        }
        return result;
    }
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        (uint64_t)status.st_size <= CLF_I_CACHE_MAX_ENTRY) {
        result.size = (size_t)status.st_size;
        result.bytes = clf_i_allocate(result.size, 1);
    }
    if (result.bytes != NULL && !read_all(file, result.bytes, result.size)) {
        clf_i_release(result.bytes);
        result.bytes = NULL;
    }
    close(file);
    return result;
}

static clf_i_hash checksum(const block *entry) {
    return clf_i_hash_bytes(entry->bytes, entry->size - sizeof(clf_i_hash));
}

/* NULL if the entry is whole and holds `key`; else what is wrong. On success `*header` is filled.
 */
static const char *check_entry(const block *entry, const void *key, size_t key_size,
                               file_header *header) {
    const size_t frame = sizeof *header + sizeof(clf_i_hash);
    if (entry->size < frame) {
        return "truncated";
    }
    memcpy(header, entry->bytes, sizeof *header);
    if (memcmp(header->magic, file_magic, sizeof file_magic) != 0) {
        return "not a cache file";
    }
    if (header->version != FORMAT_VERSION) {
        return "of another format version";
    }
    const uint64_t content = entry->size - frame;
    if (header->key_size > content || header->value_size != content - header->key_size) {
        return "truncated";
    }
    clf_i_hash stored;
    memcpy(&stored, entry->bytes + entry->size - sizeof stored, sizeof stored);
    const clf_i_hash actual = checksum(entry);
    if (stored.low != actual.low || stored.high != actual.high) {
        return "damaged";
    }
    if (header->key_size != key_size || memcmp(entry->bytes + sizeof *header, key, key_size) != 0) {
        return "for another key";
    }
    return NULL;
}

static bool extract_value(const block *entry, const file_header *header, void **out_value,
                          size_t *out_value_size) {
    const size_t size = (size_t)header->value_size;
    void *value = clf_i_allocate(size, 1);
    if (value == NULL) {
        return false;
    }
    memcpy(value, entry->bytes + sizeof *header + header->key_size, size);
    *out_value = value;
    *out_value_size = size;
    return true;
}

bool clf_i_disk_cache_load(const void *key, size_t key_size, void **out_value,
                           size_t *out_value_size) {
    clf_i_text folder = {0};
    clf_i_text path = {0};
    bool hit = false;
    const clf_i_cache_mode mode = clf_i_cache_folder(&folder);
    if (mode != CLF_I_CACHE_OFF && entry_path(folder.data, key, key_size, &path)) {
        block entry = read_file(path.data);
        file_header header;
        const char *fault =
            entry.bytes == NULL ? "absent" : check_entry(&entry, key, key_size, &header);
        hit = fault == NULL && extract_value(&entry, &header, out_value, out_value_size);
        clf_i_log(CLF_LOG_CACHE, "%s %s%s%s", hit ? "hit" : "miss", path.data,
                  fault == NULL ? "" : ": ", fault == NULL ? "" : fault);
        clf_i_release(entry.bytes);
        if (hit && mode == CLF_I_CACHE_READ_WRITE) {
            /* The time of last use decides which files go first. */
            utimensat(AT_FDCWD, path.data, NULL, 0);
        }
    }
    clf_i_text_clear(&folder);
    clf_i_text_clear(&path);
    return hit;
}

static block make_entry(const void *key, size_t key_size, const void *value, size_t value_size) {
    file_header header = {
        .version = FORMAT_VERSION, .key_size = key_size, .value_size = value_size};
    memcpy(header.magic, file_magic, sizeof file_magic);
    block entry = {NULL, sizeof header + key_size + value_size + sizeof(clf_i_hash)};
    entry.bytes = clf_i_allocate(entry.size, 1);
    if (entry.bytes == NULL) {
        return entry;
    }
    memcpy(entry.bytes, &header, sizeof header);
    memcpy(entry.bytes + sizeof header, key, key_size);
    memcpy(entry.bytes + sizeof header + key_size, value, value_size);
    const clf_i_hash sum = checksum(&entry);
    memcpy(entry.bytes + entry.size - sizeof sum, &sum, sizeof sum);
    return entry;
}

/* Writes beside the target and renames: readers see the old file or the new one, never a part. */
static bool write_entry(const char *path, const block *entry) {
    clf_i_text temporary = {0};
    clf_i_text_format(&temporary, "%s%s", path, CLF_I_CACHE_TEMPORARY_SUFFIX);
    const int file = temporary.failed ? -1 : mkstemp(temporary.data);
    bool written = false;
    if (file >= 0) {
        written = write_all(file, entry->bytes, entry->size);
        written = close(file) == 0 && written;
        written = written && rename(temporary.data, path) == 0;
        if (!written) {
            const int fault = errno;
            unlink(temporary.data);
            errno = fault;
        }
    }
    clf_i_text_clear(&temporary);
    return written;
}

void clf_i_disk_cache_store(const void *key, size_t key_size, const void *value,
                            size_t value_size) {
    clf_i_text folder = {0};
    clf_i_text path = {0};
    if (clf_i_cache_folder(&folder) == CLF_I_CACHE_READ_WRITE &&
        clf_i_cache_folder_make(folder.data) && entry_path(folder.data, key, key_size, &path)) {
        block entry = make_entry(key, key_size, value, value_size);
        if (entry.bytes != NULL && entry.size <= CLF_I_CACHE_MAX_ENTRY) {
            const bool written = write_entry(path.data, &entry);
            clf_i_log(CLF_LOG_CACHE, "%s %s%s%s", written ? "stored" : "cannot store", path.data,
                      written ? "" : ": ", written ? "" : strerror(errno));
            clf_i_cache_folder_trim(folder.data);
        }
        clf_i_release(entry.bytes);
    }
    clf_i_text_clear(&folder);
    clf_i_text_clear(&path);
}
