// Runs one coroutine to its end on an io_context of its own; what it throws, it throws here.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "net/task.h"

namespace aurora_global::pgclient::testing {

template <typename Make>  // () -> net::Task<T>, T not void
auto run(Make make) {
  using T = typename decltype(make())::value_type;
  boost::asio::io_context context(1);
  std::optional<T> outcome;
  std::exception_ptr failure;
  boost::asio::co_spawn(context, make(), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    if (!thrown) outcome.emplace(std::move(value));
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*outcome);
}

}  // namespace aurora_global::pgclient::testing
