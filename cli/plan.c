#include "cli/offline.h"
int run_plan(struct cli *cli)
{
    (void)cli;
    return 0;
}
