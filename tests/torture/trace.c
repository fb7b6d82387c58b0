#include "tests/torture/trace.h"

#include "core/base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct trace trace_map(const char *path)
{
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    ENSURE(file >= 0);
    ENSURE(fstat(file, &about) == 0);
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    ENSURE(bytes != MAP_FAILED);
    close(file);
    return (struct trace){.bytes = bytes, .size = (size_t)about.st_size};
}

void trace_unmap(struct trace *trace)
{
    munmap((void *)(uintptr_t)trace->bytes, trace->size);
}

bool trace_next(struct trace *trace, struct record *record, const uint8_t **data)
{
    if (trace->size - trace->at < sizeof *record) {
        return false;
    }
    memcpy(record, trace->bytes + trace->at, sizeof *record);
    trace->at += sizeof *record;
    *data = trace->bytes + trace->at;
    trace->at += record->size;
    ENSURE(trace->at <= trace->size);
    return true;
}
