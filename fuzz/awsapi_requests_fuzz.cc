// What strangers send beside JSON and forms: bodies in chunks, documents of REST-XML, URLs of S3,
// tokens of sessions. Refused with a sentence, or read; what is read is no larger than what was
// sent. The first byte says which it is to be, of a document the second of which operation.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "awsapi/aws_chunked.h"
#include "awsapi/rest_xml.h"
#include "awsapi/s3_address.h"
#include "awsapi/session_token.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::awsapi;

void require(bool condition) {
  if (!condition) std::abort();
}

void chunks(const std::string& text, Payload kind) {
  const auto read = read_chunks(text, kind, {"key", "date", "scope", "seed"});
  if (read.has_error()) return require(!read.error().message.empty());
  // Without the key there is no signed chunk.
  require(kind == Payload::unsigned_trailer && read->content.size() < text.size());
}

void document(std::string text) {
  static const ServiceModel& model = *service_model("s3");
  const std::size_t which = text.empty() ? 0 : static_cast<unsigned char>(text[0]);
  const OperationModel& operation = model.operations[which % model.operations.size()];
  const Headers headers;
  const RestXmlRequest request{operation.method, "/bucket/key", {}, &headers};
  const auto read =
      read_rest_xml(operation, request, text.substr(std::min<std::size_t>(1, text.size())));
  if (read.has_error()) require(!read.error().message.empty());
}

void url(const std::string& text) {
  const auto address = parse_s3_url(text);
  if (address) require(!address->bucket.empty() && !address->key.empty());
  const auto slash = std::min(text.find('/'), text.size());
  s3_address_of(text.substr(0, slash), text.substr(slash));
}

void token(const std::string& text) {
  const auto secret = [](std::string_view) { return std::optional<std::string>("secret"); };
  require(open_session("ASIA", text, secret, WallTime{}).has_error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0: chunks(text, Payload::signed_chunks); break;
    case 1: chunks(text, Payload::signed_trailer); break;
    case 2: chunks(text, Payload::unsigned_trailer); break;
    case 3: document(text); break;
    case 4: url(text); break;
    default: token(text);
  }
  return 0;
}
