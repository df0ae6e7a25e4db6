/* The files of driver/report/, as the build embeds them (CMakeLists.txt).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_PAGE_H
#define TN_DRIVER_PAGE_H

#include <stddef.h>

extern const unsigned char tn_page_html[], tn_page_css[], tn_page_js[];
extern const size_t tn_page_html_size, tn_page_css_size, tn_page_js_size;

#endif
