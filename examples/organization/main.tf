# The logs of all accounts of an organization in one account, by a centralization rule, and from there to one server: one
# policy, one shipper. It is applied in the account that the logs are copied to, which is the organization's management
# account or a delegated administrator of CloudWatch.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.8"
    }
    logagg = {
      source  = "logagg/logagg"
      version = "~> 0.1"
    }
  }
}

variable "region" {
  description = "Region that the logs are copied to, and of all resources."
  type        = string
}

variable "source_regions" {
  description = "Regions that logs are copied from, in each account."
  type        = list(string)
}

variable "organization_id" {
  description = "ID of the organization."
  type        = string
}

variable "member_documents" {
  description = "The `document` of policies in member accounts, which forward log groups themselves."
  type        = list(string)
  default     = []
}

variable "shipper_archive" {
  description = "Path of the shipper's archive, for arm64."
  type        = string
}

variable "enforcer_archive" {
  description = "Path of the enforcer's archive, for arm64."
  type        = string
}

variable "url" {
  description = "URL of the Elasticsearch or OpenSearch server."
  type        = string
}

provider "aws" {
  region = var.region
}

provider "logagg" {
  region = var.region
}

data "aws_caller_identity" "current" {}

resource "aws_observabilityadmin_centralization_rule_for_organization" "this" {
  rule_name = "logs"

  rule {
    source {
      regions = var.source_regions
      scope   = "OrganizationId = '${var.organization_id}'"

      source_logs_configuration {
        encrypted_log_group_strategy = "SKIP"
        # Without those of the shipper and the enforcer: copies of what the shipper writes would be forwarded to it.
        log_group_selection_criteria = "LogGroupName LIKE '/aws/lambda/%' AND LogGroupName NOT LIKE '/aws/lambda/logagg-%'"
      }
    }
    destination {
      account = data.aws_caller_identity.current.account_id
      region  = var.region

      destination_logs_configuration {
        log_group_name_configuration {
          # Copies have names that no other log group has, and that say where they come from.
          log_group_name_pattern = "/central/$${source.accountId}/$${source.region}/$${source.logGroup}"
        }
      }
    }
  }
}

module "logagg" {
  source = "../../modules/stack"

  shipper_archive  = { path = var.shipper_archive }
  enforcer_archive = { path = var.enforcer_archive }

  # The copies, and nothing else: the log groups of this account's own functions are among them.
  select             = [{ name_prefixes = ["/central/"] }]
  emit_system_fields = ["@aws.account", "@aws.region", "@source.log"]

  destinations = {
    search = { type = "elasticsearch", url = var.url, index = "logs-{account}" }
  }
}

locals {
  pattern = "^/central/(?P<account_id>[0-9]{12})/(?P<region>[a-z0-9-]+)/(?P<source>.+)$"
  copies = [
    for name in keys(coalesce(module.logagg.log_groups, {})) :
    merge({ name = name }, regex(local.pattern, name)) if can(regex(local.pattern, name))
  ]
  # Copies of log groups that a policy of their own account forwards.
  forwarded_twice = [
    for copy in local.copies : copy.name if anytrue([
      for document in var.member_documents :
      jsondecode(document).account_id == copy.account_id
      && jsondecode(document).region == copy.region
      && try(jsondecode(document).destination_arn, null) != null
      && provider::logagg::selects(document, copy.source)
    ])
  ]
}

check "no_log_group_is_forwarded_twice" {
  assert {
    condition     = length(local.forwarded_twice) == 0
    error_message = "Forwarded here and by a policy of their own account: ${join(", ", local.forwarded_twice)}. Exclude them there, or from the centralization rule."
  }
}

output "forwarded_twice" {
  description = "Copies of log groups that a policy of their own account forwards too."
  value       = local.forwarded_twice
}
