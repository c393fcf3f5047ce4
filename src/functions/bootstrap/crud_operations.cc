// The program `bootstrap` of `crud-global-endpoint` and `crud-write-forwarding`.
#include "functions/crud_operations.h"

int main() {
  return aurora_global::functions::run_function(aurora_global::functions::make_crud_handler);
}
