#include "cli/measure.h"
int main(void) { return 0; }
