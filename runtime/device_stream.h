/* device.h for those who are linked with more than it: the compiler's own library.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_RUNTIME_DEVICE_STREAM_H
#define TN_RUNTIME_DEVICE_STREAM_H

#include "target/stream.h"
#include "tenon/device.h"

/* Of the error that the last call reported; TN_OK if there was none. */
tn_status tn_device_status(const tn_device *device);

/* The stream instead of its bytes: it has been verified, and outlives the device or the next load. */
int tn_device_load_stream(tn_device *device, const tn_stream *stream, const char *host_library);

/* The host library of what is loaded, where it was loaded without; once. */
int tn_device_load_library(tn_device *device, const char *host_library);

#endif
