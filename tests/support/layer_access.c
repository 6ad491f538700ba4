/* The counting layer's functions, found in the module that the ICD loader has loaded. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "test_faults.h"
#include "test_session.h"

/* Only a handle is needed: the loader keeps the module. */
static void *layer_symbol(const char *name) {
    const char *path = getenv("OPENCL_LAYERS");
    void *layer = path != NULL && path[0] != '\0' ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    void *symbol = layer != NULL ? dlsym(layer, name) : NULL;
    if (layer != NULL) {
        dlclose(layer);
    }
    return symbol;
}

long test_live_objects(void) {
    long (*count)(void) = NULL;
    void *symbol = layer_symbol("object_counter_live");
    memcpy(&count, &symbol, sizeof count);
    return count != NULL ? count() : -1;
}

const char *test_live_objects_text(void) {
    const char *(*text)(void) = NULL;
    void *symbol = layer_symbol("object_counter_text");
    memcpy(&text, &symbol, sizeof text);
    return text != NULL ? text() : "not counted";
}

bool test_faults_available(void) {
    return layer_symbol("object_counter_arm") != NULL;
}

void test_faults_arm(long call, int code) {
    void (*arm)(long, int) = NULL;
    void *symbol = layer_symbol("object_counter_arm");
    memcpy(&arm, &symbol, sizeof arm);
    arm(call, code);
}

long test_faults_calls(void) {
    long (*calls)(void) = NULL;
    void *symbol = layer_symbol("object_counter_calls");
    memcpy(&calls, &symbol, sizeof calls);
    return calls();
}

const char *test_faults_failed(void) {
    const char *(*failed)(void) = NULL;
    void *symbol = layer_symbol("object_counter_failed");
    memcpy(&failed, &symbol, sizeof failed);
    return failed();
}
