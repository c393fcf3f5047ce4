#include "region/keeper/decide.h"

#include "base/check.h"

namespace aurora_global::region {
namespace {

Action as_primary(const HeadFacts& facts) {
  if (!facts.has_data) return Action::init;
  if (!facts.running) {
    return facts.standby_directory ? Action::start_for_promotion : Action::start_primary;
  }
  return facts.standby_directory ? Action::promote : Action::rest;
}

Action as_standby(const HeadFacts& facts) {
  const bool open = facts.running && !facts.standby_directory;
  if (open) return Action::stop_at_once;
  if (!facts.has_source) return Action::no_source;
  if (!facts.has_data) return Action::seed;
  if (!facts.standby_directory) return facts.lost_epoch ? Action::keep_and_seed : Action::rejoin;
  if (!facts.running) return Action::start_standby;
  return facts.stalled ? Action::mend : Action::rest;
}

}  // namespace

Action decide(const HeadFacts& facts) {
  switch (facts.duty) {
    case model::Duty::primary: return as_primary(facts);
    case model::Duty::standby: return as_standby(facts);
    case model::Duty::fenced:
    case model::Duty::waiting_for_epoch: break;
  }
  // A fence in the engine holds by itself, and the sessions stay until the outcome is known.
  const bool open = facts.running && !facts.standby_directory;
  return open && !facts.engine_fenced ? Action::stop : Action::leave;
}

Action decide(const ReaderFacts& facts) {
  if (!facts.head_running) return Action::leave;
  if (!facts.has_data) return Action::seed;
  if (!facts.running) return Action::start_standby;
  return facts.stalled ? Action::mend : Action::rest;
}

std::string_view name_of(Action action) {
  switch (action) {
    case Action::rest: return "rest";
    case Action::leave: return "leave it down";
    case Action::init: return "initdb";
    case Action::start_primary: return "start as primary";
    case Action::start_for_promotion: return "start as standby, to be promoted";
    case Action::promote: return "promote";
    case Action::stop: return "stop";
    case Action::stop_at_once: return "stop at once";
    case Action::no_source: return "wait for a source";
    case Action::seed: return "pg_basebackup";
    case Action::rejoin: return "rejoin";
    case Action::keep_and_seed: return "set aside and copy anew";
    case Action::start_standby: return "start as standby";
    case Action::mend: return "mend";
  }
  CHECK(false);
}

}  // namespace aurora_global::region
