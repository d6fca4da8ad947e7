# Two accounts and two regions: a shipper and an enforcer in each, since CloudWatch Logs invokes only functions of the
# same account and region.

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

variable "regions" {
  description = "Regions of the log groups, in each account."
  type        = set(string)
}

variable "production_role_arn" {
  description = "Role in the production account that Terraform assumes."
  type        = string
}

variable "staging_role_arn" {
  description = "Role in the staging account that Terraform assumes."
  type        = string
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
  description = "URL of the Elasticsearch server that all accounts share."
  type        = string
}

variable "retention_in_days" {
  description = "Days for which CloudWatch Logs keeps log events, everywhere."
  type        = number
  default     = 30
}

# The AWS provider needs a block for each account.
provider "aws" {
  alias  = "production"
  region = "eu-central-1"

  assume_role {
    role_arn = var.production_role_arn
  }
}

provider "aws" {
  alias  = "staging"
  region = "eu-central-1"

  assume_role {
    role_arn = var.staging_role_arn
  }
}

locals {
  destinations = {
    search = { type = "elasticsearch", url = var.url, index = "logs-lambda" }
  }

  # Every account and region, for policies.tf.
  targets = merge(
    { for region, shipper in module.production_shipper : "production-${region}" => {
      region      = region
      role_arn    = var.production_role_arn
      shipper_arn = shipper.function_arn
    } },
    { for region, shipper in module.staging_shipper : "staging-${region}" => {
      region      = region
      role_arn    = var.staging_role_arn
      shipper_arn = shipper.function_arn
    } },
  )
}

module "production_shipper" {
  source    = "../../modules/shipper"
  for_each  = var.regions
  providers = { aws = aws.production }

  region       = each.key
  archive      = { path = var.shipper_archive }
  destinations = local.destinations
}

module "staging_shipper" {
  source    = "../../modules/shipper"
  for_each  = var.regions
  providers = { aws = aws.staging }

  region       = each.key
  archive      = { path = var.shipper_archive }
  destinations = local.destinations
}

module "production_enforcer" {
  source    = "../../modules/enforcer"
  for_each  = var.regions
  providers = { aws = aws.production }

  region   = each.key
  archive  = { path = var.enforcer_archive }
  policies = [logagg_policy.lambda["production-${each.key}"].document]
}

module "staging_enforcer" {
  source    = "../../modules/enforcer"
  for_each  = var.regions
  providers = { aws = aws.staging }

  region   = each.key
  archive  = { path = var.enforcer_archive }
  policies = [logagg_policy.lambda["staging-${each.key}"].document]
}
