// The model's nouns as JSON: how they lie in the state store and travel between processes.
//
// Written with nlohmann's to_json(), read with decode<T>() of fields.h.
#pragma once

#include "model/db_group.h"
#include "model/fields.h"
#include "model/global_cluster.h"
#include "model/operation.h"
#include "model/topology.h"

namespace aurora_global::model {

void to_json(nlohmann::json& json, const Tag& value);
void read(Fields& fields, Tag& value);
void to_json(nlohmann::json& json, const Decision& value);
void read(Fields& fields, Decision& value);
void to_json(nlohmann::json& json, const GlobalMember& value);
void read(Fields& fields, GlobalMember& value);
void to_json(nlohmann::json& json, const GlobalCluster& value);
void read(Fields& fields, GlobalCluster& value);
void to_json(nlohmann::json& json, const DbInstance& value);
void read(Fields& fields, DbInstance& value);
void to_json(nlohmann::json& json, const DbCluster& value);
void read(Fields& fields, DbCluster& value);
void to_json(nlohmann::json& json, const DbGroup& value);
void read(Fields& fields, DbGroup& value);
void to_json(nlohmann::json& json, const Event& value);
void read(Fields& fields, Event& value);
void to_json(nlohmann::json& json, const StepTiming& value);
void read(Fields& fields, StepTiming& value);
void to_json(nlohmann::json& json, const Operation& value);
void read(Fields& fields, Operation& value);
void to_json(nlohmann::json& json, const Backend& value);
void read(Fields& fields, Backend& value);
void to_json(nlohmann::json& json, const EndpointBackends& value);
void read(Fields& fields, EndpointBackends& value);
void to_json(nlohmann::json& json, const Topology& value);
void read(Fields& fields, Topology& value);

}  // namespace aurora_global::model
