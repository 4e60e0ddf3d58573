/* Making and closing handles, and what the generated calls need. */
#include <errno.h>
#include <unistd.h>

#include "internal.h"

GONBD_EXPORT struct nbd_handle *
nbd_create (void)
{
  struct gonbd_frame f;
  const struct gonbd_table *t = gonbd_enter (&f, NULL, "nbd_create");
  struct nbd_handle *h;

  if (t == NULL)
    return NULL;
  h = malloc (sizeof *h);
  if (h == NULL) {
    gonbd_no_memory (&f, "nbd_create");
    return NULL;
  }
  h->table = t;
  h->fd = -1;
  h->id = t->create (&h->fd);
  gonbd_leave (&f);
  return h;
}

GONBD_EXPORT void
nbd_close (struct nbd_handle *h)
{
  struct gonbd_frame f;
  const struct gonbd_table *t;

  if (h == NULL)
    return;
  if (gonbd_ours (h)) {
    t = gonbd_enter (&f, h, "nbd_close");
    if (t != NULL) {
      t->close (h->id, &f.err);
      gonbd_leave (&f);
    }
  }
  else {
    gonbd_reset_error ();
    if (h->fd >= 0)
      close (h->fd); /* this process's copy of its parent's socket */
  }
  free (h);
}

void
gonbd_null (const char *call, const char *param)
{
  gonbd_fail (EFAULT, call, "%s cannot be NULL", param);
}

bool
gonbd_copy (const void *cb, struct gonbd_callback **copy)
{
  const struct gonbd_callback *c = cb;

  *copy = NULL;
  if (c->callback == NULL && c->free == NULL)
    return true;
  *copy = malloc (sizeof **copy);
  if (*copy == NULL)
    return false;
  **copy = *c;
  return true;
}

void
gonbd_no_memory (struct gonbd_frame *f, const char *call)
{
  gonbd_leave (f);
  gonbd_fail (ENOMEM, call, "malloc");
}

void
gonbd_drop (const void *cb)
{
  const struct gonbd_callback *c = cb;

  if (c->free != NULL)
    c->free (c->user_data);
}
