#!/usr/bin/env bash
# Deletes what deploy.sh deployed: stacks in reverse order, and of a disposable copy the data, too.
# Needs the AWS CLI alone.
set -euo pipefail
caller_directory=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
readonly program=destroy.sh
# shellcheck source=tools/aws_common.sh
source tools/aws_common.sh

usage() {
  cat <<'HELP'
Usage: ./destroy.sh [options]

  --name NAME     which copy of the system (default: aurora-global)
  --switch-back   where the writer is not in us-east-1, move it there first (a switchover: loses
                  nothing); without it the script then stops
  --force         delete a copy that was deployed with --no-retain, and all its data for good
  --local         what ./deploy.sh --local deployed onto a platform on this machine
  --home DIR      with --local: the directory of the platform (default: as `aurora-global` chooses)
  --yes           do not ask. Without a terminal this is required; without it the script then shows
                  what it would do, and ends
  --help          this

Clusters, secret, keys and what they use stay when the stacks go, unless the copy was deployed with
--no-retain; the script ends with the commands that delete them. Run again after a failure it goes on
from there. Environment: the AWS CLI's (AWS_PROFILE ...), AURORA_GLOBAL_LIMIT_S; more in
docs/reference/deploy.md.

Exit codes: 0 done; 1 something failed; 2 wrong arguments; 3 prerequisites are missing.
HELP
}

force=false
switch_back=false
arguments() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --name | --home) [ $# -ge 2 ] || fail "$1 needs a value; ./destroy.sh --help" 2 ;;
    esac
    case "$1" in
      --name) name=$2; shift ;;
      --local) on_platform=true ;;
      --home) set_platform_home "$2"; shift ;;
      --force) force=true ;;
      --switch-back) switch_back=true ;;
      --yes) assume_yes=true ;;
      -h | --help) usage; exit 0 ;;
      *) fail "no option '$1'; ./destroy.sh --help" 2 ;;
    esac
    shift
  done
  check_common_arguments
}

check_prerequisites() {
  command -v aws >/dev/null || fail "missing, with what to do:
  - $get_aws_cli" 3
  aws_identity || fail "missing, with what to do:
  - $(get_credentials)" 3
}

# The stacks that there are, the last deployed first; and whether they keep their data.
present=()
keep=''
check_stacks() {
  local index id stack
  for ((index = ${#stacks[@]} - 1; index >= 0; --index)); do
    id=${stacks[index]} stack=$(prefixed "${stacks[index]}")
    case "${state[$id]}" in
      '') continue ;;
      DELETE_IN_PROGRESS | REVIEW_IN_PROGRESS) ;;
      *_IN_PROGRESS) fail "$stack (${region_of[$id]}) is ${state[$id]}: an operation is under way. Nothing was changed; run ./destroy.sh again when it has ended:
  aws cloudformation describe-stacks --stack-name $stack --region ${region_of[$id]} --query 'Stacks[0].StackStatus'" ;;
    esac
    present+=("$id")
    [ "${state[$id]}" != REVIEW_IN_PROGRESS ] || continue  # It has neither tags nor resources.
    case "${retained[$id]}" in
      true | false) ;;
      *) fail "$stack (${region_of[$id]}) has no tag aurora-global:retain with true or false, so it is unknown whether its data would survive. Nothing was changed; deploy.sh with the options of this copy sets the tag" ;;
    esac
    [ "${keep:=${retained[$id]}}" = "${retained[$id]}" ] ||
      fail "some stacks of $name keep their data (tag aurora-global:retain), some do not: a deployment with another --no-retain was not finished. Nothing was changed; finish it by deploy.sh, then run ./destroy.sh again"
  done
  keep=${keep:-true}
  if [ ${#present[@]} -eq 0 ]; then
    printf 'There is nothing to delete: no stack of %s in %s and %s of account %s.\n' "$name" \
      "$primary_region" "$secondary_region" "$account"
    exit 0
  fi
  if $keep && $force; then
    fail "$name keeps its data, which --force does not change. Nothing was changed. Without --force the stacks go and the data stays; to have it deleted, too, first:
  ./deploy.sh$(copy_options) --no-retain"
  fi
  $keep || $force || fail "$name was deployed with --no-retain: this would delete its clusters and all data in them for good, without a final snapshot. Nothing was changed; if that is meant:
  ./destroy.sh$(copy_options) --force"
}

cluster_arn() { printf 'arn:aws:rds:%s:%s:cluster:%s' "$1" "$account" "$(cluster "$1")"; }

# ask_leader HOW...: asks by aws_ask or aws_poll. Sets `global_status` (empty: there is no global
# cluster), `operation` (a switchover or failover), `writer` (ARN), `members` (ARNs) and
# `unsynchronized` (how many members; an old CLI does not show it).
global_status='' operation='' writer='' members='' unsynchronized=0
ask_leader() {
  local fields="Status,FailoverState.Status,GlobalClusterMembers[?IsWriter].DBClusterArn|[0]"
  fields+=",length(GlobalClusterMembers[?SynchronizationStatus=='pending-resync'])"
  # Last, since it may be empty, and tabs in a row are one separator to read.
  fields+=",join(',',GlobalClusterMembers[].DBClusterArn)"
  "$@" "$primary_region" "GlobalClusters[0].[$fields]" rds describe-global-clusters \
    --global-cluster-identifier "$(global_cluster)" || return 1
  IFS=$'\t' read -r global_status operation writer unsynchronized members <<<"$answer"
  [ "$operation" != None ] || operation=''
}
is_member() { [[ ,$members, == *",$1,"* ]]; }
region_in() { cut -d: -f4 <<<"$1"; }

# The secondary's stack describes a secondary: it cannot delete the leader. Sets `must_switch_back`.
must_switch_back=false
check_leader() {
  say "global cluster"
  ask_leader aws_ask GlobalClusterNotFoundFault
  case "$global_status" in
    '' | deleting) return ;;
  esac
  if [ "$global_status" != available ] || [ -n "$operation" ]; then
    fail "global cluster $(global_cluster) is $global_status${operation:+ ($operation)}: an operation is under way. Nothing was changed; run ./destroy.sh again when this says available:
  aws rds describe-global-clusters --global-cluster-identifier $(global_cluster) --region $primary_region --query 'GlobalClusters[0].Status'"
  fi
  note "writer: $writer"
  # Without a writer there is nothing to switch back from, without the primary's cluster nothing to.
  if [[ $writer = "$(cluster_arn "$primary_region")" || $writer = None ]] || ! is_member "$(cluster_arn "$primary_region")"; then
    return
  fi
  must_switch_back=true
  set_switchover_command
  $switch_back || fail "the writer is in $(region_in "$writer"), so the secondary's stack holds the primary. Nothing was changed. Move the writer back, or let ./destroy.sh --switch-back do it:
  ${switchover_command[*]}"
}

# A CLI of before 2023 knows the older action only, which is a switchover unless data loss is allowed.
set_switchover_command() {
  local verb=switchover-global-cluster
  aws rds "$verb" --generate-cli-skeleton input >/dev/null 2>&1 || verb=failover-global-cluster
  switchover_command=(aws rds "$verb" --global-cluster-identifier "$(global_cluster)"
    --target-db-cluster-identifier "$(cluster_arn "$primary_region")" --region "$(region_in "$writer")")
}

show_plan() {
  local id types="starts_with(ResourceType,'AWS::RDS::DB')||ResourceType=='AWS::RDS::GlobalCluster'||ResourceType=='AWS::SecretsManager::Secret'||ResourceType=='AWS::KMS::Key'"
  printf 'Deletion of %s\n  account   %s, as %s\n' "$name" "$account" "$caller"
  show_stacks
  ! $must_switch_back || printf 'First the writer moves back to %s.\n' "$primary_region"
  if $keep; then echo "These stay:"; else echo "These are deleted FOR GOOD, with all data in them:"; fi
  for id in "${present[@]}"; do
    aws_ask '' "${region_of[$id]}" "StackResources[?PhysicalResourceId&&ResourceStatus!='DELETE_COMPLETE'&&($types)].[ResourceType,PhysicalResourceId]" \
      cloudformation describe-stack-resources --stack-name "${arn[$id]}"
    [ -z "$answer" ] || printf '%s\n' "$answer" | while IFS=$'\t' read -r type resource; do
      printf '  %-34s %-10s %s\n' "$type" "${region_of[$id]}" "$resource"
    done
  done
}

is_switched_back() {
  ask_leader aws_poll || return 1
  seen="$global_status${operation:+ ($operation)}, writer in $(region_in "$writer"), $unsynchronized members not in sync"
  [[ $global_status = available && -z $operation && $unsynchronized = 0 &&
    $writer = "$(cluster_arn "$primary_region")" ]]
}

do_switch_back() {
  say "the writer moves back to $primary_region"
  "${switchover_command[@]}" --output text --query GlobalCluster.Status 2>"$scratch/error" >&2 ||
    fail "${switchover_command[*]}: $(<"$scratch/error")"
  await "the writer is in $primary_region and every member in sync" is_switched_back
}

is_deleted() { # is_deleted ID
  aws_poll "${region_of[$1]}" 'Stacks[0].StackStatus' cloudformation describe-stacks --stack-name "${arn[$1]}" || return 1
  seen=$answer
  case "$seen" in
    DELETE_COMPLETE) return 0 ;;
    DELETE_FAILED) delete_failed "$1" ;;
  esac
  return 1
}

delete_failed() {
  local stack region=${region_of[$1]}
  stack=$(prefixed "$1")
  aws_ask '' "$region" "StackResources[?ResourceStatus=='DELETE_FAILED'].[LogicalResourceId,ResourceType,PhysicalResourceId,ResourceStatusReason]" \
    cloudformation describe-stack-resources --stack-name "${arn[$1]}"
  printf '\n%s\n' "$answer" | sed 's/^./      &/' >&2
  fail "$stack ($region) was not deleted; the resources above, and why:
      $(why "${arn[$1]}" "$region")
  When that is mended, ./destroy.sh with the same options goes on from here."
}

delete_stack() { # delete_stack NUMBER ID
  local id=$2 begin=$SECONDS
  say "[$1/${#present[@]}] $(prefixed "$id") (${region_of[$id]})"
  aws_ask '' "${region_of[$id]}" @ cloudformation delete-stack --stack-name "${arn[$id]}"
  await "$(prefixed "$id") is deleted" is_deleted "$id"
  note "done in $((SECONDS - begin)) s"
}

# What CloudFormation left in place: it remembers deleted stacks for 90 days, so this includes what an
# earlier run deleted.
collect_kept() {
  local id region type resource
  for id in "${stacks[@]}"; do
    region=${region_of[$id]}
    if [ -z "${arn[$id]}" ]; then
      # One line each, not the newest by the query: that sees one page of the list at a time.
      aws_ask '' "$region" "StackSummaries[?StackName=='$(prefixed "$id")'].[DeletionTime,StackId]" \
        cloudformation list-stacks --stack-status-filter DELETE_COMPLETE
      arn[$id]=$(sort <<<"$answer" | tail -n 1 | cut -f2)
    fi
    [ -n "${arn[$id]}" ] || continue
    aws_ask 'does not exist' "$region" "StackResources[?ResourceStatus=='DELETE_SKIPPED'&&PhysicalResourceId].[ResourceType,PhysicalResourceId]" \
      cloudformation describe-stack-resources --stack-name "${arn[$id]}"
    [ -n "$answer" ] || continue
    while IFS=$'\t' read -r type resource; do things+=("$type $region $resource"); done <<<"$answer"
  done
}

show_kept() {
  local thing type region resource
  printf 'The stacks of %s are deleted.\n' "$name"
  if [ ${#things[@]} -eq 0 ]; then return; fi
  printf 'Kept:\n'
  for thing in "${things[@]}"; do
    read -r type region resource <<<"$thing"
    printf '  %-34s %-10s %s\n' "$type" "$region" "$resource"
  done
  $keep || return 0
  local snapshots='the final snapshots and '
  ! $on_platform || snapshots=''
  printf 'To delete them, in this order; %sthe log groups cannot be read any more when the keys are gone:\n' "$snapshots"
  print_deletion
}

arguments "$@"
out=out/deploy/$name
if $on_platform; then
  out=out/deploy-local/$name
  enter_platform
fi
check_prerequisites
say "stacks"
read_stacks
check_stacks
check_leader
show_plan
confirm
if $must_switch_back; then do_switch_back; fi
for index in "${!present[@]}"; do
  delete_stack $((index + 1)) "${present[$index]}"
done
# What another program would take for a deployment that is there.
rm -f "$out"/*.json
collect_kept
show_kept
