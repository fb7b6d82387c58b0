/*
 * disk.c - two trees: what is certain, and one image of what may be.
 *
 * A tree is files by number and names in folders. Records are applied to it in order, whole, in
 * part or not at all.
 */
#include "tests/torture/disk.h"

#include "tests/sim/draw.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 64
#define FILE_COUNT_MAX 64
#define NAME_COUNT_MAX 64

struct file {
    uint64_t number;
    bool is_folder;
    struct buffer bytes;
};

struct name {
    uint64_t folder;
    char text[NAME_SIZE];
    uint64_t file;
};

struct tree {
    uint64_t root;
    struct file files[FILE_COUNT_MAX];
    size_t file_count;
    struct name names[NAME_COUNT_MAX];
    size_t name_count;
};

struct call_made {
    struct record record;
    const uint8_t *data;
    uint64_t folder; /* Of a name. */
};

struct disk {
    enum lie lie;
    struct tree certain;
    struct tree seen; /* As the process sees it: for finding folders by name. */
    struct call_made *pending;
    size_t pending_count, pending_capacity;
    struct tree *image; /* Room for the next one. */
};

/* What an image has of a call. */
enum kept { KEPT_NOT, KEPT, KEPT_TORN, KEPT_FRONT, KEPT_SIZE, KEPT_GARBAGE };

/* --- Trees -------------------------------------------------------------------------------- */

static struct file *find_file(struct tree *tree, uint64_t number)
{
    for (size_t i = 0; i < tree->file_count; i++) {
        if (tree->files[i].number == number) {
            return &tree->files[i];
        }
    }
    return NULL;
}

/* Also what is only named so far: its bytes may come by another call. */
static struct file *file_of(struct tree *tree, uint64_t number)
{
    struct file *file = find_file(tree, number);

    if (file == NULL) {
        ENSURE(tree->file_count < FILE_COUNT_MAX);
        file = &tree->files[tree->file_count++];
        file->number = number;
        file->is_folder = false;
        file->bytes.size = 0;
    }
    return file;
}

static struct name *find_name(struct tree *tree, uint64_t folder, const char *text)
{
    for (size_t i = 0; i < tree->name_count; i++) {
        if (tree->names[i].folder == folder && strcmp(tree->names[i].text, text) == 0) {
            return &tree->names[i];
        }
    }
    return NULL;
}

static void drop_name(struct tree *tree, uint64_t folder, const char *text)
{
    struct name *name = find_name(tree, folder, text);

    if (name != NULL) {
        *name = tree->names[--tree->name_count];
    }
}

static void put_name(struct tree *tree, uint64_t folder, const char *text, uint64_t file)
{
    drop_name(tree, folder, text);
    ENSURE(tree->name_count < NAME_COUNT_MAX);
    struct name *name = &tree->names[tree->name_count++];
    name->folder = folder;
    name->file = file;
    ENSURE(strlen(text) < NAME_SIZE);
    memcpy(name->text, text, strlen(text) + 1);
}

static void copy_tree(const struct tree *from, struct tree *to)
{
    to->root = from->root;
    to->file_count = from->file_count;
    to->name_count = from->name_count;
    memcpy(to->names, from->names, from->name_count * sizeof *from->names);
    for (size_t i = 0; i < from->file_count; i++) {
        to->files[i].number = from->files[i].number;
        to->files[i].is_folder = from->files[i].is_folder;
        to->files[i].bytes.size = 0;
        buffer_append(&to->files[i].bytes, from->files[i].bytes.data, from->files[i].bytes.size);
    }
}

static void deinit_tree(struct tree *tree)
{
    for (size_t i = 0; i < FILE_COUNT_MAX; i++) {
        buffer_deinit(&tree->files[i].bytes);
    }
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* --- Applying calls ------------------------------------------------------------------------- */

static void resize(struct file *file, uint64_t size)
{
    if (size > file->bytes.size) {
        size_t grown = size - file->bytes.size;
        memset(buffer_extend(&file->bytes, grown), 0, grown);
    }
    file->bytes.size = size;
}

static void fill_garbage(struct file *file, uint64_t size, struct draw *draw)
{
    while (file->bytes.size < size) {
        *buffer_extend(&file->bytes, 1) = (uint8_t)draw_next(draw);
    }
}

/* Sector by sector of the file: all, or those that chance or the front of the write chose. */
static void write_part(struct file *file, const struct call_made *call, enum kept kept,
                       struct draw *draw)
{
    uint64_t at = call->record.at;
    uint64_t end = at + call->record.size;
    uint64_t front_end = at + draw_below(draw, call->record.size + 1);

    if (kept == KEPT_GARBAGE) {
        fill_garbage(file, end, draw);
    }
    resize(file, max_u64(file->bytes.size, end));
    while (at < end) {
        uint64_t sector_end = min_u64((at / DISK_SECTOR_SIZE + 1) * DISK_SECTOR_SIZE, end);
        bool is_kept = kept == KEPT || (kept == KEPT_FRONT && sector_end <= front_end) ||
                       (kept != KEPT_FRONT && draw_below(draw, 2) == 0);
        if (is_kept) {
            memcpy(file->bytes.data + at, call->data + (at - call->record.at), sector_end - at);
        }
        at = sector_end;
    }
}

static void apply_name(struct tree *tree, const struct call_made *call)
{
    const char *text = (const char *)call->data;

    switch ((enum call)call->record.call) {
    case CALL_MADE:
    case CALL_MADE_FOLDER:
        file_of(tree, call->record.file);
        put_name(tree, call->folder, last_part(text), call->record.file);
        return;
    case CALL_RENAME:
        drop_name(tree, call->folder, last_part(text));
        put_name(tree, call->folder, last_part(text + strlen(text) + 1), call->record.file);
        return;
    case CALL_REMOVE:
        drop_name(tree, call->folder, last_part(text));
        return;
    case CALL_WRITE:
    case CALL_WRITE_SYNC:
    case CALL_RESIZE:
    case CALL_RESERVE:
    case CALL_SYNC:
    case CALL_MARK:
        break;
    }
    UNREACHABLE();
}

static bool is_write(const struct call_made *call)
{
    return call->record.call == CALL_WRITE || call->record.call == CALL_WRITE_SYNC;
}

static bool is_of_bytes(const struct call_made *call)
{
    return is_write(call) || call->record.call == CALL_RESIZE || call->record.call == CALL_RESERVE;
}

/* Sizes and names change whole or not at all. */
static void apply(struct tree *tree, const struct call_made *call, enum kept kept,
                  struct draw *draw)
{
    if (kept == KEPT_NOT) {
        return;
    }
    if (!is_of_bytes(call)) {
        apply_name(tree, call);
        return;
    }
    struct file *file = file_of(tree, call->record.file);
    if (is_write(call)) {
        write_part(file, call, kept, draw);
    } else if (call->record.call == CALL_RESIZE) {
        resize(file, call->record.at);
    } else {
        resize(file, max_u64(file->bytes.size, call->record.at));
    }
}

/* --- Taking calls --------------------------------------------------------------------------- */

void disk_open(enum lie lie, struct disk **disk)
{
    struct disk *opened = memory_take(1, sizeof *opened);

    opened->lie = lie;
    opened->image = memory_take(1, sizeof *opened->image);
    *disk = opened;
}

void disk_close(struct disk *disk)
{
    if (disk == NULL) {
        return;
    }
    deinit_tree(&disk->certain);
    deinit_tree(&disk->seen);
    deinit_tree(disk->image);
    free(disk->image);
    free(disk->pending);
    free(disk);
}

static void settle(struct disk *disk, bool (*is_covered)(const struct call_made *, uint64_t),
                   uint64_t file)
{
    size_t left = 0;

    for (size_t i = 0; i < disk->pending_count; i++) {
        if (is_covered(&disk->pending[i], file)) {
            apply(&disk->certain, &disk->pending[i], KEPT, &(struct draw){0});
        } else {
            disk->pending[left++] = disk->pending[i];
        }
    }
    disk->pending_count = left;
}

static bool is_covered_by_sync(const struct call_made *call, uint64_t file)
{
    return is_of_bytes(call) ? call->record.file == file : call->folder == file;
}

static bool is_covered_by_return(const struct call_made *call, uint64_t file)
{
    (void)file;
    return call->record.call == CALL_WRITE_SYNC;
}

/* The folder that holds the name, as the process sees it. */
static uint64_t folder_of(struct disk *disk, const char *path)
{
    uint64_t folder = disk->seen.root;
    const char *slash = NULL;
    char part[NAME_SIZE];

    while ((slash = strchr(path, '/')) != NULL) {
        size_t size = (size_t)(slash - path);
        ENSURE(size < sizeof part);
        memcpy(part, path, size);
        part[size] = '\0';
        const struct name *name = find_name(&disk->seen, folder, part);
        ENSURE(name != NULL);
        folder = name->file;
        path = slash + 1;
    }
    return folder;
}

/* A number that is used again is another file. What was on its way to the old one goes nowhere. */
static void forget_file(struct disk *disk, uint64_t number)
{
    size_t left = 0;

    for (size_t i = 0; i < disk->pending_count; i++) {
        const struct call_made *call = &disk->pending[i];
        if (!is_of_bytes(call) || call->record.file != number) {
            disk->pending[left++] = *call;
        }
    }
    disk->pending_count = left;
    file_of(&disk->certain, number)->bytes.size = 0;
}

static void make_root(struct disk *disk, uint64_t number)
{
    disk->certain.root = disk->seen.root = number;
    file_of(&disk->certain, number)->is_folder = true;
}

static void take_name(struct disk *disk, struct call_made *call)
{
    call->folder = folder_of(disk, (const char *)call->data);
    if (call->record.call == CALL_MADE || call->record.call == CALL_MADE_FOLDER) {
        forget_file(disk, call->record.file);
        file_of(&disk->certain, call->record.file)->is_folder =
            call->record.call == CALL_MADE_FOLDER;
    }
    apply_name(&disk->seen, call);
}

static void take_sync(struct disk *disk, uint64_t number)
{
    bool is_folder = file_of(&disk->certain, number)->is_folder;

    if (disk->lie != (is_folder ? LIE_NAMES : LIE_DATA)) {
        settle(disk, is_covered_by_sync, number);
    }
}

void disk_take(struct disk *disk, const struct record *record, const uint8_t *data)
{
    struct call_made call = {.record = *record, .data = data};

    if (disk->lie != LIE_META) {
        settle(disk, is_covered_by_return, 0);
    }
    if (record->call == CALL_MARK) {
        return;
    }
    if (record->call == CALL_SYNC) {
        take_sync(disk, record->file);
        return;
    }
    if (record->call == CALL_MADE_FOLDER && data[0] == '\0') {
        make_root(disk, record->file);
        return;
    }
    if (!is_of_bytes(&call)) {
        take_name(disk, &call);
    }
    GROW(disk->pending, disk->pending_capacity, disk->pending_count + 1);
    disk->pending[disk->pending_count++] = call;
}

size_t disk_pending(const struct disk *disk)
{
    return disk->pending_count;
}

/* --- Images ------------------------------------------------------------------------------- */

unsigned disk_variants(const struct disk *disk, enum fault fault)
{
    if (fault == FAULT_SUBSET && disk->pending_count <= DISK_EXHAUSTIVE_MAX) {
        return 1u << disk->pending_count;
    }
    return disk->pending_count > 0 || fault == FAULT_LOSE_ALL ? FAULTS[fault].draws : 0;
}

struct cut {
    enum fault fault;
    unsigned variant;
    size_t count;  /* Of calls on their way. */
    size_t chosen; /* One of them. */
};

static enum kept kept_of_subset(const struct cut *cut, size_t index, struct draw *draw)
{
    bool is_kept = cut->count <= DISK_EXHAUSTIVE_MAX ? (cut->variant >> index & 1) != 0
                                                     : draw_below(draw, 2) == 0;
    return is_kept ? KEPT : KEPT_NOT;
}

static enum kept kept_if(bool is_kept)
{
    return is_kept ? KEPT : KEPT_NOT;
}

static enum kept kept_of(const struct cut *cut, size_t index, struct draw *draw)
{
    bool is_last = index + 1 == cut->count;

    switch (cut->fault) {
    case FAULT_LOSE_ALL:
        return KEPT_NOT;
    case FAULT_KEEP_ALL:
        return KEPT;
    case FAULT_KEEP_FIRST:
        return kept_if(index == 0);
    case FAULT_KEEP_LAST:
        return kept_if(is_last);
    case FAULT_LOSE_LAST:
        return kept_if(!is_last);
    case FAULT_LOSE_ONE:
        return kept_if(index != cut->chosen);
    case FAULT_PREFIX:
        return kept_if(index < cut->chosen);
    case FAULT_SUBSET:
        return kept_of_subset(cut, index, draw);
    case FAULT_TORN_LAST:
        return is_last ? KEPT_FRONT : KEPT;
    case FAULT_TORN:
        return draw_below(draw, 2) == 0 ? KEPT_NOT : KEPT_TORN;
    case FAULT_ZEROES:
        return KEPT_TORN;
    case FAULT_GARBAGE:
        return KEPT_GARBAGE;
    case FAULT_EIO:
    case FAULT_ENOSPC:
    case FAULT_SHORT:
    case FAULT_BROKEN:
    case FAULT_FULL:
    case FAULT_KILL_BEFORE:
    case FAULT_KILL_AFTER:
    case FAULT_FLIP:
    case FAULT_COUNT:
        break;
    }
    UNREACHABLE();
}

static void write_file(const struct file *file, const char *path)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ENSURE(descriptor >= 0);
    ENSURE(write(descriptor, file->bytes.data, file->bytes.size) == (ssize_t)file->bytes.size);
    close(descriptor);
}

static void write_folder(struct tree *tree, uint64_t folder, const char *path)
{
    char inner[PATH_MAX];

    for (size_t i = 0; i < tree->name_count; i++) {
        const struct name *name = &tree->names[i];
        const struct file *file = find_file(tree, name->file);
        if (name->folder != folder || file == NULL) {
            continue;
        }
        snprintf(inner, sizeof inner, "%s/%s", path, name->text);
        if (file->is_folder) {
            ENSURE(mkdir(inner, 0700) == 0);
            write_folder(tree, file->number, inner);
        } else {
            write_file(file, inner);
        }
    }
}

void disk_cut(const struct disk *disk, enum fault fault, unsigned variant, uint64_t seed,
              const char *path)
{
    struct draw draw = draw_of(seed, (uint64_t)fault << 32 | variant);
    struct cut cut = {.fault = fault, .variant = variant, .count = disk->pending_count};

    cut.chosen = draw_below(&draw, cut.count + 1);
    copy_tree(&disk->certain, disk->image);
    for (size_t i = 0; i < disk->pending_count; i++) {
        apply(disk->image, &disk->pending[i], kept_of(&cut, i, &draw), &draw);
    }
    write_folder(disk->image, disk->image->root, path);
}
