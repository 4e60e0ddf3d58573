/* What the generated calls of driver_gen.c need of driver.c. */

#ifndef DRIVER_H
#define DRIVER_H

#include <libnbd.h>

/* A call of the API, and what makes it of the words that are left. */
struct call {
  const char *name;
  void (*make) (void);
};
extern const struct call calls[];

/* A constant: a number, or a string if that isn't NULL. */
struct constant {
  const char *name;
  uint64_t number;
  const char *string;
};
extern const struct constant constants[];

/* The handle of the line. */
extern struct nbd_handle *h;

/* Each takes words of the line. What is wrong with them stops () says. */
extern bool stops (void);
extern bool arg_bool (void);
extern uint64_t arg_number (void);
extern char *arg_string (void);
extern char **arg_strings (void);
extern void *arg_buffer (size_t *count); /* to be filled */
extern void *arg_data (size_t *count);
extern struct sockaddr *arg_address (socklen_t *len);
extern nbd_chunk_callback arg_chunk (void);
extern nbd_completion_callback arg_completion (void);
extern nbd_debug_callback arg_debug (void);
extern nbd_extent_callback arg_extent (void);
extern nbd_extent64_callback arg_extent64 (void);
extern nbd_list_callback arg_list (void);
extern nbd_context_callback arg_context (void);

/* Each prints an outcome. */
extern void out_ok (void);
extern void out_error (void);
extern void out_bool (bool b);
extern void out_int (int64_t i);
extern void out_uint (uint64_t u);
extern void out_string (const char *s);
extern void out_errno (int e);
extern void out_data (const void *data, size_t count);

/* The buffer of the last synchronous read, and that of a command. */
extern void keep_last (void *buf, size_t count);
extern void keep_buffer (int64_t cookie, void *buf, size_t count);

#endif
