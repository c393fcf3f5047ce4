// API Gateway's REST APIs: kept, changed, deployed. REST-JSON, 2015-07-09. execute-api serves them.
#pragma once

#include <map>
#include <memory>

#include "database/database.h"
#include "net/http.h"
#include "net/mutex.h"
#include "region/region.h"
#include "services/api_routes.h"

namespace aurora_global::services::apigateway {

inline constexpr std::size_t kApisMax = 600;

std::vector<std::string_view> action_names();

class ApiGateway final : public ApiRoutes {
 public:
  // `facts` outlives the service. The APIs of `file` are read at once.
  static Result<std::unique_ptr<ApiGateway>> open(boost::asio::any_io_executor executor,
                                                  const region::Facts& facts,
                                                  const std::filesystem::path& file);

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

  bool has_apis() const override { return !apis_.empty(); }
  Result<ApiRoute> find_route(const ApiRequestLine& request) const override;

 private:
  ApiGateway(boost::asio::any_io_executor executor, const region::Facts& facts,
             std::unique_ptr<database::Database> database)
      : facts_(facts), database_(std::move(database)), changing_(executor) {}
  Result<void> load();
  net::Task<Result<nlohmann::json>> run(std::string operation, nlohmann::json input);
  // Of all APIs, or of an ARN's.
  net::Task<Result<nlohmann::json>> run_other(std::string operation, nlohmann::json input);
  net::Task<Result<nlohmann::json>> run_tags(std::string operation, nlohmann::json input);
  // Durable when it returns; seen by others then.
  net::Task<Result<void>> store(std::string id, nlohmann::json document);
  net::Task<Result<void>> remove(std::string id);

  const region::Facts& facts_;
  std::unique_ptr<database::Database> database_;
  std::map<std::string, nlohmann::json> apis_;  // By id.
  net::AsyncMutex changing_;                    // Each change is decided on what the last one left.
};

}  // namespace aurora_global::services::apigateway
