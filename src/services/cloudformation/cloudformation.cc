#include "services/cloudformation/cloudformation.h"

#include "services/call.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/recorded.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using Operation = Answer (*)(Service&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"ValidateTemplate", validate_template},
    {"GetTemplateSummary", get_template_summary},
    {"CreateChangeSet", create_change_set},
    {"DescribeChangeSet", describe_change_set},
    {"ExecuteChangeSet", execute_change_set},
    {"DeleteChangeSet", delete_change_set},
    {"ListChangeSets", list_change_sets},
    {"CreateStack", create_stack},
    {"UpdateStack", update_stack},
    {"DeleteStack", delete_stack},
    {"CancelUpdateStack", cancel_update_stack},
    {"ContinueUpdateRollback", continue_update_rollback},
    {"RollbackStack", rollback_stack},
    {"UpdateTerminationProtection", update_termination_protection},
    {"DescribeStacks", describe_stacks},
    {"ListStacks", list_stacks},
    {"DescribeStackEvents", describe_stack_events},
    {"DescribeStackResource", describe_stack_resource},
    {"DescribeStackResources", describe_stack_resources},
    {"ListStackResources", list_stack_resources},
    {"GetTemplate", get_template},
    {"ListExports", list_exports},
    {"ListImports", list_imports},
};

}  // namespace

struct CloudFormation::Parts {
  Parts(boost::asio::any_io_executor executor, region::Region& region, ServiceCaller& services,
        CloudFormationOptions options, std::unique_ptr<SqliteStore> opened)
      : store(std::move(opened)),
        book(executor, region.facts(), *store),
        records(*store),
        fetcher(region, services, std::move(options.credentials)),
        providers(all_providers({.services = services,
                                 .records = &records,
                                 .elsewhere = &fetcher,
                                 .answers = options.answers})),
        planner(book, fetcher, services, providers),
        driver(executor, book, planner, fetcher, providers),
        service{book, planner, driver, services} {}

  std::unique_ptr<SqliteStore> store;
  Book book;
  Records records;
  Fetcher fetcher;
  Providers providers;
  Planner planner;
  Driver driver;
  Service service;
};

CloudFormation::CloudFormation(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
CloudFormation::~CloudFormation() = default;

std::vector<std::string_view> action_names() { return names_in(kOperations); }

Result<std::unique_ptr<CloudFormation>> CloudFormation::open(boost::asio::any_io_executor executor,
                                                             region::Region& region,
                                                             ServiceCaller& services,
                                                             CloudFormationOptions options) {
  TRY(auto store, SqliteStore::open(options.file));
  TRY(const auto stacks, store->load("stack"));
  TRY(const auto deployments, store->load("deployment"));
  TRY(const auto claims, store->load("claim"));
  TRY(const auto records, store->load("record"));
  TRY(const auto change_sets, store->load("changeset"));
  auto parts =
      std::make_unique<Parts>(executor, region, services, std::move(options), std::move(store));
  TRY_VOID(parts->records.take(records));
  TRY_VOID(parts->book.take(stacks, deployments, claims, change_sets));
  return std::unique_ptr<CloudFormation>(new CloudFormation(std::move(parts)));
}

void CloudFormation::start() { parts_->driver.start(); }

net::Task<void> CloudFormation::stop() {
  auto stopping = parts_->driver.stop();
  co_await std::move(stopping);
}

net::Task<net::HttpResponse> CloudFormation::serve(net::HttpRequest request) {
  auto serving = serve_table("cloudformation", kOperations, std::move(request), parts_->service);
  co_return co_await std::move(serving);
}

net::Task<Result<nlohmann::json>> CloudFormation::call(std::string operation,
                                                       nlohmann::json input) {
  auto running = run_in_table("cloudformation", kOperations, std::move(operation), std::move(input),
                              parts_->service);
  co_return co_await std::move(running);
}

}  // namespace aurora_global::services::cloudformation
