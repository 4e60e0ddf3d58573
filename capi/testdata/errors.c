/* The errors of threads, and the lives of callbacks. */
#include "check.h"

#include <pthread.h>

static const char *path;

/* Each thread has its own error, whatever others do. */
static void *
thread (void *arg)
{
  size_t number = (size_t) arg;
  char name[32];

  CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
  snprintf (name, sizeof name, "nbd+unix:///?nosuch%zu", number);
  for (int i = 0; i < 200; i++) {
    struct nbd_handle *h = nbd_create ();
    CHECK (h != NULL);
    if (number % 2 == 0) {
      CHECK (nbd_connect_uri (h, name) == -1);
      CHECK (nbd_get_errno () == EINVAL);
      CHECK (strstr (nbd_get_error (), "nbd_connect_uri: ") == nbd_get_error ());
    }
    else {
      CHECK (nbd_connect_unix (h, "/no/such/socket") == -1);
      CHECK (nbd_get_errno () == ENOENT);
      CHECK (strstr (nbd_get_error (), "nbd_connect_unix: ") == nbd_get_error ());
    }
    nbd_close (h);
  }
  /* Left for the thread's end to free. */
  CHECK (nbd_set_debug (NULL, true) == -1 && nbd_get_errno () == EFAULT);
  return NULL;
}

static void
errors (void)
{
  struct nbd_handle *h = connected (path);
  const char *first;
  char *s;

  CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
  CHECK (nbd_pread (h, NULL, 1, 0, 0) == -1);
  CHECK (nbd_get_errno () == EFAULT);
  CHECK (strcmp (nbd_get_error (), "nbd_pread: buf cannot be NULL: Bad address") == 0);
  /* Asking twice gives the same. */
  first = nbd_get_error ();
  CHECK (nbd_get_error () == first && nbd_get_errno () == EFAULT);
  /* A success ends it. */
  CHECK (nbd_set_debug (h, false) == 0);
  CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
  /* Strings are the caller's, or live as long as the handle. */
  s = nbd_get_handle_name (h);
  CHECK (s != NULL && strncmp (s, "nbd", 3) == 0);
  memset (s, 'x', strlen (s));
  free (s);
  first = nbd_connection_state (h);
  CHECK (first != NULL && first == nbd_connection_state (h));
  nbd_close (h);
  nbd_close (NULL);
}

/* What happened, in order. */
static char events[256];

static void
event (const char *s)
{
  CHECK (strlen (events) + strlen (s) + 2 < sizeof events);
  strcat (events, s);
  strcat (events, " ");
}

static void
happened (const char *want)
{
  if (strcmp (events, want) != 0) {
    fprintf (stderr, "these happened: %s\nthese should: %s\n", events, want);
    exit (1);
  }
  events[0] = '\0';
}

static int
chunk (void *data, const void *subbuf, size_t count, uint64_t offset,
       unsigned status, int *error)
{
  CHECK (strcmp (data, "chunk") == 0 && subbuf != NULL && count == 512);
  CHECK (offset == 1024 && *error == 0);
  CHECK (status == LIBNBD_READ_DATA || status == LIBNBD_READ_HOLE);
  event ("chunk");
  return 0;
}

static int completed_error;

static int
completion (void *data, int *error)
{
  CHECK (strcmp (data, "completion") == 0);
  completed_error = *error;
  event ("completion");
  return 1;
}

static int
veto (void *data, int *error)
{
  CHECK (strcmp (data, "completion") == 0 && *error == 0);
  event ("veto");
  *error = EXDEV;
  return -1;
}

static void
free_data (void *data)
{
  event ("free");
  event (data);
}

/* A free function that fails in the library itself. */
static void
free_calling (void *data)
{
  event (data);
  CHECK (nbd_get_debug (NULL) == -1);
}

static int
list (void *data, const char *name, const char *description)
{
  (void) data;
  CHECK (strcmp (name, "") == 0 && strcmp (description, "a disk") == 0);
  event ("export");
  /* Another handle may be used meanwhile, and fail. */
  use_new (path);
  CHECK (nbd_get_debug (NULL) == -1);
  return 0;
}

#define CHUNK ((nbd_chunk_callback) { .callback = chunk, .user_data = "chunk", .free = free_data })
#define COMPLETION ((nbd_completion_callback) { .callback = completion, .user_data = "completion", .free = free_data })

static void
callbacks (void)
{
  struct nbd_handle *h = connected (path);
  char buf[512];
  int64_t cookie;

  CHECK (nbd_pread_structured (h, buf, sizeof buf, 1024, CHUNK, 0) == 0);
  happened ("chunk free chunk ");

  CHECK (nbd_aio_pread_structured (h, buf, sizeof buf, 1024, CHUNK, COMPLETION, 0) >= 0);
  while (nbd_aio_in_flight (h) > 0)
    CHECK (nbd_poll (h, -1) >= 0);
  happened ("chunk completion free chunk free completion ");
  CHECK (completed_error == 0);

  /* A callback that fails decides the result. */
  cookie = nbd_aio_flush (h, (nbd_completion_callback) { .callback = veto, .user_data = "completion", .free = free_data }, 0);
  if (cookie >= 0) {
    while (nbd_aio_in_flight (h) > 0)
      CHECK (nbd_poll (h, -1) >= 0);
    CHECK (nbd_aio_command_completed (h, cookie) == -1);
    CHECK (nbd_get_errno () == EXDEV);
    happened ("veto free completion ");
  }

  /* Every failure frees once: a null handle, a null pointer, a wrong
   * parameter, a wrong state. */
  CHECK (nbd_aio_pread_structured (NULL, buf, sizeof buf, 0, CHUNK, COMPLETION, 0) == -1);
  CHECK (nbd_get_errno () == EFAULT);
  happened ("free chunk free completion ");
  CHECK (nbd_aio_pread_structured (h, NULL, sizeof buf, 0, CHUNK, COMPLETION, 0) == -1);
  CHECK (nbd_get_errno () == EFAULT);
  happened ("free chunk free completion ");
  CHECK (nbd_aio_pread_structured (h, buf, sizeof buf, UINT64_MAX, CHUNK, COMPLETION, 0) == -1);
  CHECK (nbd_get_errno () == EINVAL);
  happened ("free chunk free completion ");
  CHECK (nbd_pread_structured (h, buf, sizeof buf, UINT64_MAX, CHUNK, 0) == -1);
  happened ("free chunk ");
  CHECK (nbd_opt_list (h, (nbd_list_callback) { .callback = list, .user_data = "list", .free = free_data }) == -1);
  CHECK (nbd_get_errno () == EINVAL);
  happened ("free list ");
  /* The error of the call outlives what free functions do. */
  CHECK (nbd_aio_flush (NULL, (nbd_completion_callback) { .user_data = "calling", .free = free_calling }, 0) == -1);
  CHECK (nbd_get_errno () == EFAULT && strstr (nbd_get_error (), "nbd_aio_flush") != NULL);
  happened ("calling ");
  CHECK (nbd_aio_flush (h, (nbd_completion_callback) { .user_data = "calling", .free = free_calling }, 0x8000) == -1);
  CHECK (nbd_get_errno () == EINVAL && strstr (nbd_get_error (), "nbd_aio_flush") != NULL);
  happened ("calling ");

  /* Only something to free. */
  cookie = nbd_aio_pread (h, buf, sizeof buf, 0, (nbd_completion_callback) { .user_data = "only", .free = free_data }, 0);
  CHECK (cookie > 0);
  while (nbd_aio_command_completed (h, cookie) == 0)
    CHECK (nbd_poll (h, -1) >= 0);
  happened ("free only ");

  /* Closing ends what is in flight. */
  CHECK (nbd_aio_pread_structured (h, buf, sizeof buf, 0, CHUNK, COMPLETION, 0) >= 0);
  nbd_close (h);
  happened ("completion free chunk free completion ");
  CHECK (completed_error == ENOTCONN);
}

static void
recursion (void)
{
  struct nbd_handle *h = nbd_create ();

  CHECK (nbd_set_opt_mode (h, true) == 0);
  CHECK (nbd_connect_unix (h, path) == 0);
  CHECK (nbd_opt_list (h, (nbd_list_callback) { .callback = list, .user_data = "list", .free = free_data }) == 1);
  happened ("export free list ");
  /* What failed inside is not the error of the call around it. */
  CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
  nbd_close (h);
}

static int
debug (void *data, const char *context, const char *msg)
{
  (void) msg;
  if (strcmp (context, "nbd_get_debug") == 0 && strcmp (events, "") == 0)
    event (data);
  return 0;
}

static void
debugging (void)
{
  struct nbd_handle *h = nbd_create ();
  nbd_debug_callback cb = { .callback = debug, .user_data = "debug", .free = free_data };

  CHECK (nbd_set_debug_callback (h, cb) == 0);
  CHECK (nbd_set_debug (h, true) == 0);
  CHECK (nbd_get_debug (h) == 1);
  happened ("debug ");
  CHECK (nbd_set_debug_callback (h, cb) == 0);
  happened ("free debug ");
  CHECK (nbd_clear_debug_callback (h) == 0);
  happened ("free debug ");
  CHECK (nbd_set_debug (h, false) == 0);
  CHECK (nbd_set_debug_callback (h, cb) == 0);
  nbd_close (h);
  happened ("free debug ");

  /* A structure without a function is no callback. */
  h = nbd_create ();
  cb.callback = NULL;
  CHECK (nbd_set_debug_callback (h, cb) == 0);
  nbd_close (h);
  happened ("free debug ");
}

int
main (int argc, char *argv[])
{
  pthread_t threads[8];

  CHECK (argc == 2);
  path = argv[1];
  errors ();
  callbacks ();
  recursion ();
  debugging ();
  for (size_t i = 0; i < 8; i++)
    CHECK (pthread_create (&threads[i], NULL, thread, (void *) i) == 0);
  for (size_t i = 0; i < 8; i++)
    CHECK (pthread_join (threads[i], NULL) == 0);
  return 0;
}
