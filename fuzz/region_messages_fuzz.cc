// What one region's daemon says to another, in both directions: refused with a sentence, or read
// and then written and read again as the same. The first byte says which message it is to be.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <iterator>

#include "region/peers/messages.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::region;

void require(bool condition) {
  if (!condition) std::abort();
}

template <typename Message>
std::string text_of(const Message& message) {
  return nlohmann::json(message).dump();
}

template <typename Request>
void ask(const std::string& text) {
  messages::Caller caller;
  const auto request = messages::read_request<Request>(Body(text), caller);
  if (request.has_error()) {
    require(request.error().kind == ErrorKind::invalid && !request.error().message.empty());
  } else {
    const PeerRequest written = messages::encode(*request);
    const auto again = messages::read_request<Request>(Body(written.body.text()), caller);
    require(again.has_value() && text_of(*again) == text_of(*request));
  }
  using Answer = typename Request::Answer;
  const RegionId from{"us-east-1"};
  const PeerReply reply{text.size() % 7 == 0 ? 409 : 200, Body(text)};
  const auto answer = messages::decode_answer<Answer>(reply, from, Request::kName);
  if (answer.has_error()) return require(!answer.error().message.empty());
  const PeerReply written = messages::encode_answer(*answer);
  const auto again = messages::decode_answer<Answer>({200, Body(written.body.text())}, from, "ask");
  require(again.has_value() && text_of(*again) == text_of(*answer));
}

using Ask = void (*)(const std::string&);
constexpr Ask kAsks[] = {
    ask<messages::Gossip>,  ask<messages::Inspect>,    ask<messages::Checkpoint>,
    ask<messages::Join>,    ask<messages::Move>,       ask<messages::PrepareSessions>,
    ask<messages::Hold>,    ask<messages::FenceOrder>, ask<messages::Unfence>,
    ask<messages::Retire>,  ask<messages::Fork>,       ask<messages::ChangeGlobal>,
    ask<messages::Password>};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kAsks[data[0] % std::size(kAsks)](std::string(data + 1, data + size));
  return 0;
}
