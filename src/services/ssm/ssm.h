// Systems Manager's Parameter Store. JSON 1.1, API 2014-11-06.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "region/region.h"
#include "services/sinks.h"
#include "services/ssm/parameter_store.h"

namespace aurora_global::services::ssm {

std::vector<std::string_view> action_names();

class Ssm {
 public:
  // `region` and `services` outlive the service.
  static Result<std::unique_ptr<Ssm>> open(region::Region& region, ServiceCaller& services,
                                           const std::filesystem::path& file);

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

  // What the operations work with.
  struct Parts {
    region::Region& region;
    ServiceCaller& services;
    std::unique_ptr<ParameterStore> store;
  };

 private:
  explicit Ssm(Parts parts) : parts_(std::move(parts)) {}
  Parts parts_;
};

}  // namespace aurora_global::services::ssm
