#include "base/result.h"

#include "base/check.h"

namespace aurora_global {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::superseded: return "superseded";
    case ErrorKind::conflict: return "conflict";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::denied: return "denied";
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::exhausted: return "exhausted";
    case ErrorKind::data_loss_refused: return "data_loss_refused";
    case ErrorKind::internal: return "internal";
  }
  CHECK(false);
}

Error Error::in(std::string_view context) const {
  Error outer = *this;
  outer.message = std::string(context) + ": " + message;
  return outer;
}

Error make_error(ErrorKind kind, std::string message, std::string code,
                 std::source_location where) {
  return Error{kind, std::move(message), std::move(code), where};
}

ErrorException::ErrorException(Error error)
    : std::runtime_error(error.message), error_(std::move(error)) {}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw ErrorException(error);
}

}  // namespace aurora_global
