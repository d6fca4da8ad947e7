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
  description = "Region of the log groups and of all resources."
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

variable "splunk_url" {
  description = "URL of Splunk's HTTP Event Collector."
  type        = string
}

variable "splunk_secret_arn" {
  description = "Secret of Secrets Manager with the collector's token, which may write to the indexes of the teams."
  type        = string
}

variable "search_url" {
  description = "URL of the Elasticsearch cluster."
  type        = string
}

variable "search_secret_arn" {
  description = "Secret of Secrets Manager with the cluster's API key, encoded."
  type        = string
}

variable "loki_url" {
  description = "URL of Grafana Loki."
  type        = string
}

variable "bucket" {
  description = "Bucket for the archive of all log events."
  type        = string
}

data "aws_partition" "current" {}

provider "aws" {
  region = var.region
}

provider "logagg" {
  region = var.region
}

module "logagg" {
  source = "../../modules/stack"

  shipper_archive  = { path = var.shipper_archive }
  enforcer_archive = { path = var.enforcer_archive }

  select = [{ name_prefixes = ["/aws/lambda/", "/ecs/", "/aws/eks/"] }]

  shipper_configuration = {
    destinations = {
      archive = {
        type   = "s3"
        bucket = var.bucket
        prefix = "logs/{account}/{region}/{yyyy}/{MM}/{dd}/{HH}/"
      }
      loki = {
        type = "loki"
        url  = var.loki_url
      }
      search = {
        type  = "elasticsearch"
        url   = var.search_url
        index = "logs-lambda-other"
        auth  = { type = "api_key", api_key = var.search_secret_arn }
      }
      splunk = {
        type  = "splunk_hec"
        url   = var.splunk_url
        token = var.splunk_secret_arn
      }
    }

    # In order: the first that matches decides, unless it continues.
    routes = [
      {
        name         = "everything"
        destinations = ["archive"]
        continue     = true
      },
      # An index per team in Splunk.
      {
        name         = "payments"
        match        = { log_group = "^/aws/lambda/pay-" }
        destinations = ["splunk"]
        set          = { index = "payments", sourcetype = "aws:lambda:{kind|application}" }
      },
      # A data stream per team in Elasticsearch.
      {
        name         = "shop"
        match        = { functions = ["shop-*", "cart-*"] }
        destinations = ["search"]
        set          = { index = "logs-lambda-shop" }
      },
      # A tenant per team in Loki.
      {
        name         = "platform"
        match        = { services = ["eks", "ecs"] }
        destinations = ["loki"]
        set          = { tenant = "platform", labels = { service = "{service}" } }
      },
      # All others.
      {
        name         = "rest"
        destinations = ["search"]
      },
    ]
  }
  secret_arns = [var.splunk_secret_arn, var.search_secret_arn]
  extra_policy_statements = [{
    sid       = "Archive"
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/logs/*"]
  }]
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = module.logagg.skipped
}
