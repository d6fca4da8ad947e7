# The whole stack of one account and region: the shipper with storage for undelivered events, the policy, the
# enforcer, and alarms on both functions.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {
  region = var.region
}

locals {
  region = data.aws_region.current.region
  # The policy selects the functions' own log groups too: one retention for both, so that they agree.
  log_retention_in_days = coalesce(var.retention_in_days, 30)
  protects              = var.create_policy && var.deletion_protection == true && var.deletion_protection_on_destroy != "restore"
  tag_accounts = setunion(
    var.tag_accounts,
    length(var.tag_keys) > 0 ? [data.aws_caller_identity.current.account_id] : [],
  )
  tag_table = [
    for bucket in [module.shipper.undelivered_bucket] :
    { bucket = bucket, keys = var.tag_keys, kms_key_arn = var.kms_key_arn } if length(var.tag_keys) > 0
  ]
  gap_fill = [
    for queue in [module.shipper.backfill_queue] :
    { queue = queue, destination_arn = module.shipper.function_arn, kms_key_arn = var.kms_key_arn } if var.create_backfill
  ]
}

module "shipper" {
  source = "../shipper"

  name                          = var.name
  region                        = var.region
  archive                       = var.shipper_archive
  architecture                  = var.architecture
  destinations                  = var.destinations
  tag_tables                    = length(local.tag_accounts) == 0 ? null : { accounts = local.tag_accounts }
  configuration                 = var.shipper_configuration
  secret_arns                   = var.secret_arns
  parameter_arns                = var.parameter_arns
  secret_kms_key_arns           = var.secret_kms_key_arns
  kms_key_arn                   = var.kms_key_arn
  vpc_config                    = var.vpc_config
  environment                   = var.environment
  layers                        = var.shipper_layers
  memory_size                   = var.shipper_memory_size
  timeout                       = var.shipper_timeout
  concurrency                   = var.shipper_concurrency
  replay_concurrency            = var.replay_concurrency
  create_backfill               = var.create_backfill
  backfill_exclude_log_groups   = ["/aws/lambda/${var.name}-enforcer"]
  tracing_mode                  = var.tracing_mode
  code_signing_config_arn       = var.code_signing_config_arn
  log_retention_in_days         = local.log_retention_in_days
  undelivered_retention_in_days = var.undelivered_retention_in_days
  force_destroy                 = var.force_destroy
  permissions_boundary          = var.permissions_boundary
  extra_policy_statements       = var.extra_policy_statements
  metrics_namespace             = var.metrics_namespace
  create_alarms                 = var.create_alarms
  alarm_topic_arns              = var.alarm_topic_arns
  tags                          = var.tags
}

module "enforcer" {
  source = "../enforcer"
  count  = var.create_enforcer ? 1 : 0

  name                    = var.name
  region                  = var.region
  archive                 = var.enforcer_archive
  architecture            = var.architecture
  policies                = concat(logagg_policy.this[*].document, var.policies)
  tag_table               = one(local.tag_table)
  gap_fill                = one(local.gap_fill)
  configuration           = var.enforcer_configuration
  kms_key_arn             = var.kms_key_arn
  vpc_config              = var.vpc_config
  environment             = var.environment
  concurrency             = var.enforcer_concurrency
  tracing_mode            = var.tracing_mode
  code_signing_config_arn = var.code_signing_config_arn
  log_retention_in_days   = local.log_retention_in_days
  permissions_boundary    = var.permissions_boundary
  extra_policy_statements = var.enforcer_extra_policy_statements
  metrics_namespace       = var.metrics_namespace
  create_alarms           = var.create_alarms
  alarm_topic_arns        = var.alarm_topic_arns
  tags                    = var.tags
}
