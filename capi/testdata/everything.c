/* Goes through the shim: every kind of call, of callback and of failure, in
 * two threads. */
#include "check.h"

#include <pthread.h>

static const char *path;
static int frees;

static void
free_data (void *data)
{
  CHECK (strlen (data) == 4);
  free (data);
  __atomic_add_fetch (&frees, 1, __ATOMIC_SEQ_CST);
}

static int
chunk (void *data, const void *subbuf, size_t count, uint64_t offset,
       unsigned status, int *error)
{
  (void) offset, (void) status;
  CHECK (strlen (data) == 4 && *error == 0);
  CHECK (count == 0 || ((const char *) subbuf)[count - 1] == 7);
  return 0;
}

static int
completion (void *data, int *error)
{
  CHECK (strlen (data) == 4 && *error == 0);
  return 1;
}

static int
extent (void *data, const char *context, uint64_t offset, uint32_t *entries,
        size_t n, int *error)
{
  (void) offset;
  CHECK (strlen (data) == 4 && *error == 0 && n >= 2 && entries[0] > 0);
  CHECK (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0);
  return 0;
}

static int
extent64 (void *data, const char *context, uint64_t offset,
          nbd_extent *entries, size_t n, int *error)
{
  (void) offset;
  CHECK (strlen (data) == 4 && *error == 0 && n >= 1 && entries[0].length > 0);
  CHECK (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0);
  return 0;
}

static int
list (void *data, const char *name, const char *description)
{
  CHECK (strlen (data) == 4 && name != NULL && description != NULL);
  return 0;
}

static int
context (void *data, const char *name)
{
  CHECK (strlen (data) == 4 && name != NULL);
  return 0;
}

static int
debug (void *data, const char *call, const char *msg)
{
  CHECK (strlen (data) == 4 && strncmp (call, "nbd_", 4) == 0 && msg != NULL);
  return 0;
}

#define DATA .user_data = strdup ("data"), .free = free_data
#define CALLBACK(kind) ((nbd_##kind##_callback) { .callback = kind, DATA })

static void
strings (struct nbd_handle *h)
{
  char *s;

  CHECK (nbd_set_handle_name (h, "a name") == 0);
  CHECK ((s = nbd_get_handle_name (h)) != NULL && strcmp (s, "a name") == 0);
  free (s);
  CHECK (nbd_set_export_name (h, "") == 0);
  CHECK ((s = nbd_get_export_name (h)) != NULL);
  free (s);
  CHECK (strcmp (nbd_get_package_name (h), "libnbd") == 0);
  CHECK (nbd_get_version (h) != NULL && nbd_connection_state (h) != NULL);
  CHECK (nbd_set_private_data (h, 42) == 0 && nbd_get_private_data (h) == 42);
  CHECK (nbd_get_handle_size (h) > 0);
}

static void
negotiate (struct nbd_handle *h)
{
  char *queries[] = { "base:", NULL };

  CHECK (nbd_set_opt_mode (h, true) == 0);
  CHECK (nbd_connect_unix (h, path) == 0);
  CHECK (nbd_add_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0);
  CHECK (nbd_opt_list (h, CALLBACK (list)) >= 0);
  CHECK (nbd_opt_list_meta_context_queries (h, queries, CALLBACK (context)) >= 0);
  CHECK (nbd_opt_set_meta_context (h, CALLBACK (context)) == 1);
  CHECK (nbd_aio_opt_info (h, CALLBACK (completion)) == 0);
  while (nbd_aio_is_connecting (h) == 1)
    CHECK (nbd_poll (h, -1) >= 0);
  CHECK (nbd_opt_go (h) == 0);
}

static void
transfer (struct nbd_handle *h)
{
  char *buf = malloc (65536);
  int64_t cookie;

  memset (buf, 7, 65536);
  CHECK (nbd_pwrite (h, buf, 65536, 0, 0) == 0);
  CHECK (nbd_pread (h, buf, 65536, 0, 0) == 0);
  CHECK (nbd_pread_structured (h, buf, 65536, 0, CALLBACK (chunk), 0) == 0);
  CHECK (nbd_block_status (h, 65536, 0, CALLBACK (extent), 0) == 0);
  CHECK (nbd_block_status_64 (h, 65536, 0, CALLBACK (extent64), 0) == 0);
  for (int i = 0; i < 32; i++)
    CHECK (nbd_aio_pread_structured (h, buf, 65536, 0, CALLBACK (chunk), CALLBACK (completion), 0) > 0);
  while (nbd_aio_in_flight (h) > 0)
    CHECK (nbd_poll (h, -1) >= 0);
  cookie = nbd_aio_pwrite (h, buf, 65536, 0, NBD_NULL_COMPLETION, 0);
  CHECK (cookie > 0);
  while (nbd_aio_command_completed (h, cookie) == 0)
    CHECK (nbd_poll (h, -1) >= 0);
  free (buf);
}

static void
fail (struct nbd_handle *h)
{
  char buf[512];

  CHECK (nbd_pread (h, NULL, 1, 0, 0) == -1);
  CHECK (nbd_pread (h, buf, sizeof buf, -1, 0) == -1);
  CHECK (nbd_connect_uri (h, "nbd://localhost") == -1);
  CHECK (nbd_aio_pread_structured (NULL, buf, 1, 0, CALLBACK (chunk), CALLBACK (completion), 0) == -1);
  CHECK (nbd_aio_pread_structured (h, NULL, 1, 0, CALLBACK (chunk), CALLBACK (completion), 0) == -1);
  CHECK (nbd_aio_pread_structured (h, buf, 1, -1, CALLBACK (chunk), CALLBACK (completion), 0) == -1);
  CHECK (nbd_get_error () != NULL);
}

static void *
everything (void *arg)
{
  struct nbd_handle *h = nbd_create ();

  CHECK (h != NULL);
  CHECK (nbd_set_debug_callback (h, CALLBACK (debug)) == 0);
  CHECK (nbd_set_debug (h, true) == 0);
  strings (h);
  negotiate (h);
  transfer (h);
  fail (h);
  CHECK (nbd_shutdown (h, 0) == 0);
  nbd_close (h);
  return arg;
}

int
main (int argc, char *argv[])
{
  pthread_t other;
  pid_t pid;

  CHECK (argc >= 2);
  path = argv[1];
  everything (NULL);
  CHECK (frees == 1 + 4 + 3 + 64 + 6);
  CHECK (pthread_create (&other, NULL, everything, NULL) == 0);
  CHECK (pthread_join (other, NULL) == 0);
  CHECK (frees == 2 * (1 + 4 + 3 + 64 + 6));
  if (argc > 2) { /* and in a child */
    pid = fork ();
    if (pid == 0) {
      everything (NULL);
      exit (0);
    }
    reap (pid);
  }
  return 0;
}
