// The program `bootstrap` of the function `failover`.
#include "functions/failover.h"

int main() {
  return aurora_global::functions::run_function(aurora_global::functions::make_failover_handler);
}
