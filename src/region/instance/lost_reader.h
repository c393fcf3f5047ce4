// Reads what a stopped former primary has committed behind a fork out of its WAL: PostgreSQL's own
// logical decoding, in single-user mode, by the extension's output plugin; and pg_waldump's list of
// what was committed, as the count that this is held against.
#pragma once

#include "region/instance/data_directory.h"
#include "region/instance/lost_report.h"

namespace aurora_global::region {

class LostReader {
 public:
  // `files` outlives it. The server is stopped, has recovered from its crash, and is configured as
  // a primary.
  // `place`: a directory of PostgreSQL's user with nothing in it.
  LostReader(const DataDirectory& files, std::filesystem::path place, LostOrigin origin)
      : files_(files), origin_(std::move(origin)), place_(std::move(place)) {}

  // The epoch of the failover that left it behind: the next one to the newest that this server has
  // written itself. It is the report's.
  net::Task<Result<Epoch>> find_epoch(Deadline deadline);
  // Nothing of it can be decoded, and why.
  void cannot_be_decoded(std::string why) {
    can_be_decoded_ = false;
    incomplete_ = std::move(why);
  }
  // Leaves transactions.sql, changes.jsonl and report.json in the place. What cannot be decoded is
  // no failure: the report says why. Fails with `exhausted`, `unavailable` and `timeout`.
  net::Task<Result<nlohmann::json>> read(Deadline deadline);

 private:
  using Lines = std::vector<std::string>;
  struct Start {
    Lsn restart;          // Where decoding begins to look.
    std::string why_not;  // Not empty: there is no such place.
  };

  // What pg_waldump says of one kind of records of `timeline` between the two.
  net::Task<Result<Lines>> records(std::uint32_t timeline, Lsn from, std::optional<Lsn> to,
                                   std::string_view manager, Deadline deadline);
  net::Task<Result<std::set<std::uint32_t>>> committed(Deadline deadline);
  net::Task<Result<Start>> start(Deadline deadline);
  // Runs one statement a line in `database`; what the server says.
  net::Task<Result<std::string>> run(const std::string& database, const std::string& statements,
                                     Deadline deadline);
  std::string slots_sql(Lsn restart) const;
  net::Task<Result<void>> decode(std::string database, Deadline deadline);
  Result<Lines> lines_of(const std::string& name) const;
  std::string copy_to(const std::string& query, const std::string& name) const;

  const DataDirectory& files_;
  LostOrigin origin_;
  std::filesystem::path place_;
  std::optional<LostReport> report_;
  bool names_plugins_ = true;  // The server knows the setting.
  std::string incomplete_;     // The first reason.
  bool can_be_decoded_ = true;
};

}  // namespace aurora_global::region
