#include "region/peers/server.h"
#include "net/log.h"

#include <exception>

namespace aurora_global::region {

net::Task<PeerReply> PeerServer::serve(RegionId from, PeerRequest request) {
  const auto handler = handlers_.find(request.what);
  if (handler == handlers_.end()) {
    co_return messages::encode_error(
        make_error(ErrorKind::not_found, "unknown request " + request.what.substr(0, 100)));
  }
  std::string bug;
  try {
    co_return co_await handler->second({from, messages::kProtocol}, std::move(request.body));
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;  // This daemon ends.
    bug = error.what();
  } catch (const std::exception& error) {
    bug = error.what();
  }
  log::error("request {} of {}: {}", request.what, from.name, bug);
  co_return messages::encode_error(make_error(ErrorKind::internal, bug));
}

}  // namespace aurora_global::region
