/*
 * page.c - one text on a unix socket.
 *
 * The peer says nothing that is read. One that does not take its text is cut off by the next
 * but CONNECTION_COUNT_MAX: so many wait at most.
 */
#include "node/page.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define CONNECTION_COUNT_MAX 8
#define BACKLOG 16

/* Both start with their handle: the loop frees what it closes by the handle's address. */
struct page {
    uv_pipe_t handle;
    page_render render;
    void *context;
    struct connection *connections[CONNECTION_COUNT_MAX];
    size_t next; /* The slot to use, and to free before, for the next connection. */
};

struct connection {
    uv_pipe_t handle;
    uv_write_t write;
    struct buffer text;
    struct page *page;
    size_t slot;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void hang_up(struct connection *connection)
{
    if (!uv_is_closing((uv_handle_t *)&connection->handle)) {
        connection->page->connections[connection->slot] = NULL;
        uv_close((uv_handle_t *)&connection->handle, on_closed);
    }
}

/* Also called, before the handle goes, when the connection or the loop was closed meanwhile. */
static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;

    (void)status;
    buffer_deinit(&connection->text);
    hang_up(connection);
}

static void answer(struct page *page, struct connection *connection)
{
    page->render(page->context, &connection->text);
    connection->write.data = connection;
    uv_buf_t part = uv_buf_init((char *)connection->text.data, (unsigned)connection->text.size);
    if (uv_write(&connection->write, (uv_stream_t *)&connection->handle, &part, 1, on_written) !=
        0) {
        buffer_deinit(&connection->text);
        hang_up(connection);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct page *page = (struct page *)server;

    if (status != 0) {
        return;
    }
    if (page->connections[page->next] != NULL) {
        hang_up(page->connections[page->next]);
    }
    struct connection *connection = memory_take(1, sizeof *connection);
    ENSURE(uv_pipe_init(server->loop, &connection->handle, 0) == 0);
    connection->page = page;
    connection->slot = page->next;
    page->connections[page->next] = connection;
    page->next = (page->next + 1) % CONNECTION_COUNT_MAX;
    if (uv_accept(server, (uv_stream_t *)&connection->handle) != 0) {
        hang_up(connection);
        return;
    }
    answer(page, connection);
}

enum status page_serve(struct loop *loop, const char *path, page_render render, void *context)
{
    struct page *page = memory_take(1, sizeof *page);

    page->render = render;
    page->context = context;
    ENSURE(uv_pipe_init(loop_uv(loop), &page->handle, 0) == 0);
    (void)unlink(path);
    if (uv_pipe_bind(&page->handle, path) != 0 ||
        uv_listen((uv_stream_t *)&page->handle, BACKLOG, on_connection) != 0) {
        uv_close((uv_handle_t *)&page->handle, on_closed);
        return STATUS_IO;
    }
    return STATUS_OK;
}
