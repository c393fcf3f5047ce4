// The program `bootstrap` of the custom resource `global-writer-endpoint`.
#include "functions/global_writer_endpoint.h"

int main() {
  return aurora_global::functions::run_function(
      aurora_global::functions::make_global_writer_endpoint_handler);
}
