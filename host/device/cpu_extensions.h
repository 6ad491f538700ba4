/*
 * Instructions of the host's CPU beyond the set that its OpenCL driver compiles for; kernels reach
 * them through builtins. Taking them on trust could end the process, so each must be known to the
 * CPU, to the driver's compiler, and give a known result.
 *
 * CLFORMER_CPU_EXTENSIONS: "auto", the default; "off": none; "on": also with versions of PoCL that
 * they were never tried with.
 */
#ifndef CLF_DEVICE_CPU_EXTENSIONS_H
#define CLF_DEVICE_CPU_EXTENSIONS_H

#include <clformer/device.h>

typedef enum clf_i_cpu_extension {
    CLF_I_CPU_BF16_DOT, /* both: lib/dot_products.clh */
    CLF_I_CPU_INT8_DOT,
    CLF_I_NUM_CPU_EXTENSIONS
} clf_i_cpu_extension;

/* "bf16_dot", "int8_dot" */
const char *clf_i_cpu_extension_name(clf_i_cpu_extension extension);

/*
 * Why kernels on the device cannot use the extension; NULL if they can. The first call for a device
 * may compile and run a small kernel. Safe from several threads; the text lives as long as the
 * device.
 */
const char *clf_i_cpu_extension_refusal(const clf_device *device, clf_i_cpu_extension extension);

#endif
