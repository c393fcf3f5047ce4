#include "load/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace aurora_global::load {
namespace {

// Nearest rank: the smallest value that at least `part` of all values do not exceed.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Latency latency_of(std::vector<std::int64_t> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values.size(), percentile(values, 0.5), percentile(values, 0.9), percentile(values, 0.99),
          values.back()};
}

std::optional<Gap> longest_in(const std::vector<std::int64_t>& times, Span span, std::int64_t end) {
  std::optional<Gap> longest;
  const auto offer = [&](std::int64_t from, std::int64_t to) {
    if (to < span.from || from > span.to) return;
    if (!longest || to - from > longest->length()) longest = Gap{{from, to}};
  };
  // From the last one before the span.
  auto at = std::lower_bound(times.begin(), times.end(), span.from);
  if (at != times.begin()) --at;
  for (; at != times.end() && *at <= span.to; ++at) {
    const auto next = std::next(at);
    offer(*at, next == times.end() ? std::max(end, *at) : *next);
  }
  return longest;
}

}  // namespace

Summary summarize(const std::vector<Record>& records, Span span) {
  return summarize(records, std::vector<Span>{span});
}

Summary summarize(const std::vector<Record>& records, const std::vector<Span>& spans) {
  Summary sum;
  std::int64_t length = 0;
  for (const Span& span : spans) length += span.length();
  std::vector<std::int64_t> reads, writes;
  for (const Record& record : records) {
    const auto inside = [&](const Span& span) {
      return record.ended >= span.from && record.ended < span.to;
    };
    if (std::none_of(spans.begin(), spans.end(), inside)) continue;
    ++sum.operations;
    sum.retries += record.attempts - 1;
    sum.reconnects += record.reconnects;
    if (record.attempts > 1) ++sum.retried_operations;
    if (record.read_back) ++sum.read_back;
    if (record.stale) ++sum.stale;
    if (record.stale && !is_write(record.type)) {
      ++(record.reconnected ? sum.stale_after_reconnect : sum.stale_reads);
    }
    switch (record.outcome) {
      case Outcome::ok: ++sum.ok; break;
      case Outcome::failed: ++sum.failed; continue;
      case Outcome::unknown: ++sum.unknown; continue;
    }
    (is_write(record.type) ? writes : reads).push_back(record.ended - record.started);
  }
  sum.acknowledged_writes = writes.size();
  if (length > 0) {
    sum.per_second = static_cast<double>(sum.ok) * 1e6 / static_cast<double>(length);
  }
  sum.reads = latency_of(std::move(reads));
  sum.writes = latency_of(std::move(writes));
  return sum;
}

WriteTimes::WriteTimes(const std::vector<Record>& records) {
  for (const Record& record : records) {
    if (!is_write(record.type) || record.outcome != Outcome::ok) continue;
    all_.push_back(record.ended);
    if (by_worker_.size() <= record.worker) by_worker_.resize(record.worker + std::size_t{1});
    by_worker_[record.worker].push_back(record.ended);
  }
  std::sort(all_.begin(), all_.end());
  for (auto& times : by_worker_) std::sort(times.begin(), times.end());
}

std::optional<Gap> WriteTimes::longest_gap(Span span, std::int64_t end) const {
  return longest_in(all_, span, end);
}

std::optional<Gap> WriteTimes::worst_connection(Span span, std::int64_t end) const {
  std::optional<Gap> worst;
  for (const auto& times : by_worker_) {
    const auto gap = longest_in(times, span, end);
    if (gap && (!worst || gap->length() > worst->length())) worst = gap;
  }
  return worst;
}

std::optional<std::int64_t> WriteTimes::first_after(std::int64_t at) const {
  const auto found = std::lower_bound(all_.begin(), all_.end(), at);
  if (found == all_.end()) return std::nullopt;
  return *found;
}

std::int64_t bin_width(Span span, std::int64_t wanted) {
  const std::int64_t least =
      std::max<std::int64_t>(1, span.length() / std::max<std::int64_t>(1, wanted));
  for (std::int64_t decade = 1;; decade *= 10) {
    for (const std::int64_t step : {1, 2, 5}) {
      if (decade * step >= least) return decade * step;
    }
  }
}

std::vector<Bin> bins(const std::vector<Record>& records, Span span, std::int64_t width,
                      std::size_t regions) {
  width = std::max(width, bin_width(span, kBinsMax));
  const auto count = static_cast<std::size_t>((span.length() + width - 1) / width);
  std::vector<Bin> all(count);
  std::vector<std::vector<std::int64_t>> latencies(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i].from = span.from + static_cast<std::int64_t>(i) * width;
    all[i].ok.resize(regions);
  }
  for (const Record& record : records) {
    if (record.ended < span.from || record.ended >= span.to) continue;
    const auto i = static_cast<std::size_t>((record.ended - span.from) / width);
    Bin& bin = all[i];
    if (record.attempts > 1) ++bin.retried;
    switch (record.outcome) {
      case Outcome::ok: ++bin.ok[std::min<std::size_t>(record.region, regions - 1)]; break;
      case Outcome::failed: ++bin.failed; continue;
      case Outcome::unknown: ++bin.unknown; continue;
    }
    latencies[i].push_back(record.ended - record.started);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Latency latency = latency_of(std::move(latencies[i]));
    all[i].p50 = latency.p50;
    all[i].max = latency.max;
  }
  return all;
}

std::string duration_text(std::int64_t micros) {
  char text[32];
  if (micros < 1000) {
    std::snprintf(text, sizeof text, "%lld us", static_cast<long long>(micros));
  } else if (micros < 1'000'000) {
    const double ms = static_cast<double>(micros) / 1e3;
    std::snprintf(text, sizeof text, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
  } else {
    const double s = static_cast<double>(micros) / 1e6;
    std::snprintf(text, sizeof text, s < 10 ? "%.2f s" : "%.1f s", s);
  }
  return text;
}

}  // namespace aurora_global::load
