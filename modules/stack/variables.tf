variable "name" {
  description = "Prefix of every name: the functions are `<name>-shipper` and `<name>-enforcer`, the policy is `<name>`."
  type        = string
  default     = "logagg"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "A name has 2 to 24 characters of a to z, 0 to 9 and -, and neither begins nor ends with -."
  }
  validation {
    condition     = !can(regex("^(aws|ssm)", var.name))
    error_message = "A name does not begin with aws or ssm: Systems Manager reserves these for parameters of AWS, and the configuration is a parameter below /<name>."
  }
}

variable "region" {
  description = "Region of all resources and of the log groups. Default: the AWS provider's."
  type        = string
  default     = null
}

variable "shipper_archive" {
  description = "The shipper's zip archive: `path` of a local file, or `bucket`, `key` and optionally `version` of an S3 object in the same region. `sha256` is in hexadecimal, as in the release's SHA256SUMS: a local file is checked against it, an object needs it."
  type = object({
    path    = optional(string)
    bucket  = optional(string)
    key     = optional(string)
    version = optional(string)
    sha256  = optional(string)
  })
  nullable = false

  validation {
    condition     = (var.shipper_archive.path == null) != (var.shipper_archive.bucket == null)
    error_message = "Give either the path of a local file, or bucket and key of an S3 object."
  }
  validation {
    condition     = var.shipper_archive.bucket == null || (var.shipper_archive.key != null && var.shipper_archive.sha256 != null)
    error_message = "An archive in S3 needs bucket, key and sha256."
  }
  validation {
    condition     = var.shipper_archive.sha256 == null || can(regex("^[0-9a-f]{64}$", var.shipper_archive.sha256))
    error_message = "sha256 has 64 hexadecimal digits in lower case."
  }
}

variable "enforcer_archive" {
  description = "The enforcer's zip archive, which is needed unless `create_enforcer` is false: `path` of a local file, or `bucket`, `key` and optionally `version` of an S3 object in the same region. `sha256` is in hexadecimal, as in the release's SHA256SUMS: a local file is checked against it, an object needs it."
  type = object({
    path    = optional(string)
    bucket  = optional(string)
    key     = optional(string)
    version = optional(string)
    sha256  = optional(string)
  })
  default = null

  validation {
    condition     = var.enforcer_archive != null || !var.create_enforcer
    error_message = "Give the enforcer's archive, or set create_enforcer to false."
  }
  validation {
    condition     = var.enforcer_archive == null || try((var.enforcer_archive.path == null) != (var.enforcer_archive.bucket == null), false)
    error_message = "Give either the path of a local file, or bucket and key of an S3 object."
  }
  validation {
    condition     = try(var.enforcer_archive.bucket == null || (var.enforcer_archive.key != null && var.enforcer_archive.sha256 != null), true)
    error_message = "An archive in S3 needs bucket, key and sha256."
  }
  validation {
    condition     = try(var.enforcer_archive.sha256, null) == null || can(regex("^[0-9a-f]{64}$", var.enforcer_archive.sha256))
    error_message = "sha256 has 64 hexadecimal digits in lower case."
  }
}

variable "architecture" {
  description = "Architecture that the archives are built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Lambda has arm64 and x86_64."
  }
}

variable "destinations" {
  description = "The `destinations` of the shipper's configuration, by name. Write tokens as ARNs of secrets or parameters, since the configuration is in the state."
  type        = any
  default     = null

  validation {
    condition     = var.destinations != null || can(var.shipper_configuration.destinations)
    error_message = "Give destinations, or a configuration that has them."
  }
}

variable "shipper_configuration" {
  description = "The shipper's configuration, for what `destinations` does not cover, such as `processing`. Its `destinations` override the argument, and the fields of its `undelivered`, `metrics` and `tags` those that the module sets. The role has permissions for the module's own bucket, prefix and queue alone."
  type        = any
  default     = null
}

variable "tag_keys" {
  description = "Tag keys of log groups and functions whose values the enforcer writes for the shipper, which uses them in routes and names and sends them with log events. Default: no tags."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.tag_keys) == 0 || var.create_enforcer
    error_message = "The enforcer writes the tags: set create_enforcer, or leave tag_keys empty."
  }
}

variable "tag_accounts" {
  description = "Further accounts whose enforcers write tags to the bucket for undelivered events, for log groups of these accounts that deliver to this shipper."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "create_policy" {
  description = "Whether the module has a `logagg_policy`. Without one the enforcer applies `policies` alone."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_enforcer" {
  description = "Whether the enforcer is created, which applies policies to new log groups before the next plan."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = !var.create_enforcer || var.create_policy || length(var.policies) > 0
    error_message = "The enforcer needs a policy: set create_policy, give policies, or set create_enforcer to false."
  }
}

variable "policies" {
  description = "The `document` of further policies of this account and region, which the enforcer applies too."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "select" {
  description = "Log groups that the policy selects, as `select` blocks of `logagg_policy`."
  type = list(object({
    log_group_classes = optional(set(string))
    name_prefixes     = optional(set(string))
    name_regex        = optional(string)
    names             = optional(set(string))
    tags              = optional(map(string))
  }))
  default  = [{ name_prefixes = ["/aws/lambda/"] }]
  nullable = false
}

variable "exclude" {
  description = "Log groups that the policy leaves out, as `exclude` blocks of `logagg_policy`."
  type = list(object({
    log_group_classes = optional(set(string))
    name_prefixes     = optional(set(string))
    name_regex        = optional(string)
    names             = optional(set(string))
    tags              = optional(map(string))
  }))
  default  = []
  nullable = false
}

variable "retention_in_days" {
  description = "Retention of the selected log groups and of the functions' own: 0 for never expire. `null` leaves that of the selected log groups as it is, and sets 30 days for the functions' own."
  type        = number
  default     = 30
}

variable "retention_mode" {
  description = "`exact`, `at_least`, `at_most` or `if_unset`, as of `logagg_policy`."
  type        = string
  default     = null
}

variable "retention_on_destroy" {
  description = "`keep` or `restore`, as of `logagg_policy`."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the selected log groups are protected from deletion. Default: their protection is not changed."
  type        = bool
  default     = null
}

variable "deletion_protection_on_destroy" {
  description = "`keep` or `restore`, as of `logagg_policy`."
  type        = string
  default     = null
}

variable "filter_pattern" {
  description = "Log events that are forwarded, in CloudWatch Logs' pattern syntax. Default: all."
  type        = string
  default     = null
}

variable "emit_system_fields" {
  description = "System fields to add to each log event, as of `logagg_policy`: they name the source of centralized logs."
  type        = set(string)
  default     = null
}

variable "on_conflict" {
  description = "`error` or `skip`, as of `logagg_policy`."
  type        = string
  default     = null
}

variable "replace_destination_arns" {
  description = "Destinations that this stack takes the place of, as of `logagg_policy`."
  type        = set(string)
  default     = null
}

variable "max_changes" {
  description = "Most log groups that may change at once: a plan that would change more fails. A first plan counts every selected log group. Default: no limit."
  type        = number
  default     = null
}

variable "min_matches" {
  description = "Fewest log groups that the selection must have: a plan that selects fewer fails. Default: no limit."
  type        = number
  default     = null
}

variable "secret_arns" {
  description = "Secrets of Secrets Manager that the configuration names. The shipper may read these and no others."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "parameter_arns" {
  description = "Parameters of Systems Manager that the configuration names. The shipper may read these and its own."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "secret_kms_key_arns" {
  description = "Customer managed KMS keys that these secrets and parameters are encrypted with."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "Customer managed KMS key for the functions' environment, their log groups, their parameters, the bucket and the queues. Its key policy has to admit CloudWatch Logs, S3 and EventBridge. Default: keys of AWS."
  type        = string
  default     = null
}

variable "vpc_config" {
  description = "Subnets and security groups of both functions. Default: no VPC."
  type = object({
    subnet_ids                  = set(string)
    security_group_ids          = set(string)
    ipv6_allowed_for_dual_stack = optional(bool)
  })
  default = null
}

variable "environment" {
  description = "Additional environment variables of both functions, such as `HTTPS_PROXY` or `SSL_CERT_FILE`."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "shipper_layers" {
  description = "ARNs of Lambda layers of the shipper, such as one with the certificates of a private authority."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "shipper_memory_size" {
  description = "Memory of the shipper in MB."
  type        = number
  default     = 256
  nullable    = false
}

variable "shipper_timeout" {
  description = "Timeout of the shipper in seconds, up to 900. Retries use the time that is left."
  type        = number
  default     = 60
  nullable    = false
}

variable "shipper_concurrency" {
  description = "Reserved concurrent executions of the shipper. They bound what the shipper takes of the account's concurrency, and are not available to other functions. Default: none reserved."
  type        = number
  default     = null
}

variable "enforcer_concurrency" {
  description = "Reserved concurrent executions of the enforcer. They are not available to other functions; without them the queue admits two at once. Default: none reserved."
  type        = number
  default     = null
}

variable "replay_concurrency" {
  description = "Concurrent executions that deliver stored events, 2 to 1000: the rate of the replay after an outage."
  type        = number
  default     = 10
  nullable    = false
}

variable "create_backfill" {
  description = "Whether log events from before a filter are forwarded: on request, and for each new log group. Creates a second function whose role may read all log groups of the account and region."
  type        = bool
  default     = false
  nullable    = false
}

variable "tracing_mode" {
  description = "X-Ray tracing of both functions: `PassThrough` or `Active`."
  type        = string
  default     = "PassThrough"
  nullable    = false

  validation {
    condition     = contains(["PassThrough", "Active"], var.tracing_mode)
    error_message = "Lambda has the tracing modes PassThrough and Active."
  }
}

variable "code_signing_config_arn" {
  description = "Code signing configuration of both functions. Default: none."
  type        = string
  default     = null
}

variable "undelivered_retention_in_days" {
  description = "Days after which stored events and dead letters are deleted from the bucket."
  type        = number
  default     = 90
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying the module deletes the bucket with the undelivered events and dead letters in it. Otherwise a bucket that is not empty stops the destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of both roles. Default: none."
  type        = string
  default     = null
}

variable "extra_policy_statements" {
  description = "Additional statements of the shipper's role, such as those that an `s3`, `kinesis` or `firehose` destination needs."
  type = list(object({
    sid       = optional(string)
    effect    = optional(string, "Allow")
    actions   = set(string)
    resources = set(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = []
  nullable = false
}

variable "enforcer_extra_policy_statements" {
  description = "Additional statements of the enforcer's role, such as `iam:PassRole` for a policy with a `role_arn`."
  type = list(object({
    sid       = optional(string)
    effect    = optional(string, "Allow")
    actions   = set(string)
    resources = set(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = []
  nullable = false
}

variable "enforcer_configuration" {
  description = "Further fields of the enforcer's configuration, such as `sweep_max_age_hours` and `requests_per_second`. Its `policies` override the argument, and the fields of its `metrics` and `tag_table` those that the module sets."
  type        = any
  default     = {}
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of both functions' metrics, unless a function's configuration has another."
  type        = string
  default     = "logagg"
  nullable    = false
}

variable "create_alarms" {
  description = "Whether CloudWatch alarms are created."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify, also when they return to OK."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "alarm_on_delivery_errors" {
  description = "Whether there is an alarm on log events that CloudWatch Logs could not deliver to the shipper. It is a Metrics Insights query, priced by the metrics it analyzes: one for each log group."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of all resources that take tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
