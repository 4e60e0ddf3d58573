/* usage: results SOCKET: prints what the library answers. The same binary runs
 * on either library. */
#include "check.h"

static void
number (const char *what, int64_t r)
{
  printf ("%s: %lld", what, (long long) r);
  if (r == -1)
    printf (" errno %d", nbd_get_errno ());
  printf ("\n");
}

static void
text (const char *what, char *s)
{
  printf ("%s: %s\n", what, s != NULL ? s : "none");
  free (s);
}

#define N(call) number (#call, call)
#define S(call) text (#call, call)

static int
chunk (void *data, const void *subbuf, size_t count, uint64_t offset,
       unsigned status, int *error)
{
  (void) data;
  printf ("chunk %zu at %llu, status %u, error %d, first %d\n", count,
          (unsigned long long) offset, status, *error, *(const char *) subbuf);
  return 0;
}

static int
extent (void *data, const char *context, uint64_t offset, uint32_t *entries,
        size_t n, int *error)
{
  (void) data;
  printf ("%s at %llu, error %d:", context, (unsigned long long) offset, *error);
  for (size_t i = 0; i < n; i++)
    printf (" %u", entries[i]);
  printf ("\n");
  return 0;
}

static int
extent64 (void *data, const char *context, uint64_t offset,
          nbd_extent *entries, size_t n, int *error)
{
  (void) data;
  printf ("%s at %llu, error %d:", context, (unsigned long long) offset, *error);
  for (size_t i = 0; i < n; i++)
    printf (" %llu,%llu", (unsigned long long) entries[i].length,
            (unsigned long long) entries[i].flags);
  printf ("\n");
  return 0;
}

static int
completion (void *data, int *error)
{
  printf ("completion of %s, error %d\n", (const char *) data, *error);
  return 0;
}

static void
gone (void *data)
{
  printf ("free %s\n", (const char *) data);
}

#define CB(kind) ((nbd_##kind##_callback) { .callback = kind, .user_data = #kind, .free = gone })

static void
finish (struct nbd_handle *h, int64_t cookie)
{
  int r;

  if (cookie < 0) {
    number ("refused", cookie);
    return;
  }
  while ((r = nbd_aio_command_completed (h, cookie)) == 0)
    CHECK (nbd_poll (h, -1) >= 0);
  number ("completed", r);
}

static void
settings (struct nbd_handle *h)
{
  S (nbd_get_export_name (h));
  N (nbd_set_export_name (h, ""));
  N (nbd_get_full_info (h));
  N (nbd_set_full_info (h, true));
  N (nbd_get_tls (h));
  N (nbd_set_tls (h, 9));
  N (nbd_get_strict_mode (h));
  N (nbd_set_strict_mode (h, LIBNBD_STRICT_MASK));
  N (nbd_get_handshake_flags (h));
  N (nbd_set_handshake_flags (h, 0x80));
  N (nbd_get_pread_initialize (h));
  N (nbd_get_request_meta_context (h));
  N (nbd_get_request_block_size (h));
  N (nbd_get_request_structured_replies (h));
  N (nbd_get_request_extended_headers (h));
  N (nbd_get_nr_meta_contexts (h));
  N (nbd_add_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION));
  S (nbd_get_meta_context (h, 0));
  S (nbd_get_meta_context (h, 9));
  N (nbd_is_uri (h, "nbd://x"));
  N (nbd_is_uri (h, "http://x"));
  N (nbd_aio_get_fd (h));
  N (nbd_aio_get_direction (h));
  N (nbd_get_size (h));
  N (nbd_shutdown (h, 0));
}

static void
connection (struct nbd_handle *h)
{
  N (nbd_aio_is_ready (h));
  N (nbd_aio_is_created (h));
  N (nbd_get_size (h));
  S (nbd_get_export_description (h));
  N (nbd_get_block_size (h, LIBNBD_SIZE_PREFERRED));
  N (nbd_get_block_size (h, 17));
  N (nbd_is_read_only (h));
  N (nbd_can_flush (h));
  N (nbd_can_fua (h));
  N (nbd_can_trim (h));
  N (nbd_can_zero (h));
  N (nbd_can_cache (h));
  N (nbd_can_df (h));
  N (nbd_can_fast_zero (h));
  N (nbd_can_multi_conn (h));
  N (nbd_is_rotational (h));
  N (nbd_can_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION));
  N (nbd_can_meta_context (h, "x:y"));
  N (nbd_get_structured_replies_negotiated (h));
  N (nbd_get_extended_headers_negotiated (h));
  N (nbd_get_tls_negotiated (h));
  printf ("%s\n", nbd_get_protocol (h));
  N (nbd_set_export_name (h, "late"));
  N (nbd_connect_unix (h, "/late"));
}

static void
commands (struct nbd_handle *h)
{
  char buf[8192];

  memset (buf, 'x', sizeof buf);
  N (nbd_pwrite (h, buf, 4096, 4096, 0));
  N (nbd_pwrite (h, buf, 4096, 4096, LIBNBD_CMD_FLAG_FUA));
  N (nbd_pwrite (h, buf, 4096, 4096, LIBNBD_CMD_FLAG_DF));
  N (nbd_pwrite (h, buf, 0, 0, 0));
  N (nbd_pread (h, buf, sizeof buf, 0, 0));
  printf ("%d %d\n", buf[0], buf[4096]);
  N (nbd_pread (h, buf, 1, 1 << 20, 0));
  N (nbd_pread (h, buf, 2, (1 << 20) - 1, 0));
  N (nbd_pread_structured (h, buf, 4096, 4096, CB (chunk), 0));
  N (nbd_pread_structured (h, buf, 4096, 4096, CB (chunk), 0x8000));
  N (nbd_block_status (h, 1 << 20, 0, CB (extent), 0));
  N (nbd_block_status (h, 1 << 20, 0, CB (extent), LIBNBD_CMD_FLAG_REQ_ONE));
  N (nbd_block_status_64 (h, 1 << 20, 0, CB (extent64), 0));
  N (nbd_zero (h, 4096, 4096, 0));
  N (nbd_zero (h, 4096, 4096, LIBNBD_CMD_FLAG_NO_HOLE));
  N (nbd_trim (h, 4096, 4096, 0));
  N (nbd_cache (h, 4096, 0, 0));
  N (nbd_flush (h, 0));
  finish (h, nbd_aio_pread (h, buf, 4096, 0, CB (completion), 0));
  finish (h, nbd_aio_pread_structured (h, buf, 4096, 4096, CB (chunk), CB (completion), 0));
  finish (h, nbd_aio_pread (h, buf, 4096, 1 << 20, CB (completion), 0));
  finish (h, nbd_aio_flush (h, CB (completion), 0));
  N (nbd_aio_command_completed (h, 999));
  N (nbd_aio_command_completed (h, 0));
  N (nbd_aio_peek_command_completed (h));
  N (nbd_aio_in_flight (h));
  N (nbd_kill_subprocess (h, 0));
}

int
main (int argc, char *argv[])
{
  struct nbd_handle *h = nbd_create ();

  CHECK (argc == 2 && h != NULL);
  settings (h);
  N (nbd_connect_unix (h, argv[1]));
  connection (h);
  commands (h);
  N (nbd_shutdown (h, 0));
  N (nbd_aio_is_closed (h));
  N (nbd_pread (h, argv, 1, 0, 0));
  nbd_close (h);
  h = nbd_create ();
  N (nbd_connect_unix (h, "/no/such/socket"));
  N (nbd_aio_is_dead (h));
  N (nbd_pread (h, argv, 1, 0, 0));
  nbd_close (h);
  h = nbd_create ();
  N (nbd_connect_uri (h, "nbd+unix:///"));
  N (nbd_connect_uri (h, "gopher://x"));
  nbd_close (h);
  return 0;
}
