/*
 * clformer: fused transformer operators for any OpenCL device.
 *
 * A device plans operators on tensors; a plan is enqueued:
 *
 *     clf_device_open -> clf_<operator>_plan -> clf_plan_enqueue ... -> clf_plan_destroy
 *                                                                    -> clf_device_destroy
 *
 * Every function that can fail returns a clf_status; clf_last_error() then holds one sentence on
 * what was wrong. The library never prints (unless CLFORMER_VERBOSE asks for it), never exits, and
 * never waits for the device outside planning.
 */
#ifndef CLFORMER_H
#define CLFORMER_H

#include <clformer/attention.h>
#include <clformer/attention_grad.h>
#include <clformer/device.h>
#include <clformer/ffn.h>
#include <clformer/floyd.h>
#include <clformer/plan.h>
#include <clformer/softmax.h>
#include <clformer/status.h>
#include <clformer/tensor.h>
#include <clformer/version.h>

#endif
