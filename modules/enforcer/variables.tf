variable "name" {
  description = "Prefix of every name: the function is `<name>-enforcer`."
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
  description = "Region of all resources. Default: the AWS provider's."
  type        = string
  default     = null
}

variable "archive" {
  description = "The enforcer's zip archive: `path` of a local file, or `bucket`, `key` and optionally `version` of an S3 object in the same region. `sha256` is in hexadecimal, as in the release's SHA256SUMS: a local file is checked against it, an object needs it."
  type = object({
    path    = optional(string)
    bucket  = optional(string)
    key     = optional(string)
    version = optional(string)
    sha256  = optional(string)
  })
  nullable = false

  validation {
    condition     = (var.archive.path == null) != (var.archive.bucket == null)
    error_message = "Give either the path of a local file, or bucket and key of an S3 object."
  }
  validation {
    condition     = var.archive.bucket == null || (var.archive.key != null && var.archive.sha256 != null)
    error_message = "An archive in S3 needs bucket, key and sha256."
  }
  validation {
    condition     = var.archive.sha256 == null || can(regex("^[0-9a-f]{64}$", var.archive.sha256))
    error_message = "sha256 has 64 hexadecimal digits in lower case."
  }
}

variable "architecture" {
  description = "Architecture that the archive is built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Lambda has arm64 and x86_64."
  }
}

variable "policies" {
  description = "The `document` of every `logagg_policy` that the enforcer applies to new log groups of this account and region."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.policies) > 0
    error_message = "The enforcer needs a policy."
  }
}

variable "tag_table" {
  description = "Tag keys whose values each sweep writes to S3 for shippers, and the bucket, such as `undelivered_bucket` of `modules/shipper`. `bucket_owner` is its account unless that is this one, `kms_key_arn` the customer managed key that encrypts it. Default: no tags."
  type = object({
    keys         = list(string)
    bucket       = string
    bucket_owner = optional(string)
    region       = optional(string)
    kms_key_arn  = optional(string)
  })
  default = null

  validation {
    condition     = var.tag_table == null || try(length(var.tag_table.keys) > 0, false)
    error_message = "A tag table needs a key."
  }
}

variable "gap_fill" {
  description = "Queue of slices, such as `backfill_queue` of `modules/shipper`, by which log events from before a new filter are forwarded; `destination_arn` is that shipper's `function_arn`, `kms_key_arn` the customer managed key that encrypts the queue. Default: they are not forwarded."
  type = object({
    queue           = object({ url = string, arn = string })
    destination_arn = string
    kms_key_arn     = optional(string)
  })
  default = null
}

variable "configuration" {
  description = "Further fields of the enforcer's configuration, such as `sweep_max_age_hours` and `requests_per_second`. Its `policies` override the argument, and the fields of its `metrics`, `tag_table` and `gap_fill` those that the module sets."
  type        = any
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "Customer managed KMS key for the function's environment, its log group, its parameter and the queues. Its key policy has to admit CloudWatch Logs and EventBridge. Default: keys of AWS."
  type        = string
  default     = null
}

variable "vpc_config" {
  description = "Subnets and security groups of the function. Default: no VPC."
  type = object({
    subnet_ids                  = set(string)
    security_group_ids          = set(string)
    ipv6_allowed_for_dual_stack = optional(bool)
  })
  default = null
}

variable "environment" {
  description = "Additional environment variables of the function, such as `HTTPS_PROXY` or `SSL_CERT_FILE`."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "memory_size" {
  description = "Memory of the function in MB."
  type        = number
  default     = 128
  nullable    = false
}

variable "timeout" {
  description = "Timeout of the function in seconds, up to 900. Another invocation continues a sweep that takes longer."
  type        = number
  default     = 60
  nullable    = false
}

variable "concurrency" {
  description = "Reserved concurrent executions. They are not available to other functions; without them the queue admits two at once. Default: none reserved."
  type        = number
  default     = null
}

variable "tracing_mode" {
  description = "X-Ray tracing of the function: `PassThrough` or `Active`."
  type        = string
  default     = "PassThrough"
  nullable    = false

  validation {
    condition     = contains(["PassThrough", "Active"], var.tracing_mode)
    error_message = "Lambda has the tracing modes PassThrough and Active."
  }
}

variable "code_signing_config_arn" {
  description = "Code signing configuration of the function. Default: none."
  type        = string
  default     = null
}

variable "log_retention_in_days" {
  description = "Retention of the function's own log group. A policy that selects this log group has to set the same."
  type        = number
  default     = 30
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the role. Default: none."
  type        = string
  default     = null
}

variable "extra_policy_statements" {
  description = "Additional statements of the role's policy, such as `iam:PassRole` for a policy with a `role_arn`."
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

variable "metrics_namespace" {
  description = "CloudWatch namespace of the enforcer's metrics, unless `configuration` has another."
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

variable "tags" {
  description = "Tags of all resources that take tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
