/* See peer_result.h. */
#include "peers/peer_result.h"

#include <stdarg.h>
#include <stdio.h>

void peer_unavailable(peer_result *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    *out = (peer_result){0};
    vsnprintf(out->detail, sizeof out->detail, format, arguments);
    va_end(arguments);
}
