# Configurations in which a value is known after apply, or is sensitive.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

resource "terraform_data" "secret" {}

locals {
  archive = { path = "${path.module}/main.tf" }
  search = {
    type  = "elasticsearch"
    url   = "https://search.example"
    index = "logs"
    auth  = { type = "api_key", api_key = terraform_data.secret.id }
  }
}

module "by_destinations" {
  source = "../.."

  archive      = local.archive
  destinations = { search = local.search }
}

module "by_configuration" {
  source = "../.."

  archive       = local.archive
  configuration = { destinations = { search = local.search }, metrics = { namespace = "mine" } }
}

module "sensitive" {
  source = "../.."

  archive      = local.archive
  destinations = sensitive({ search = merge(local.search, { url = "https://search.example" }) })
}

output "alarms" {
  description = "Names of the alarms of each shipper."
  value = {
    by_destinations  = keys(module.by_destinations.alarm_arns)
    by_configuration = keys(module.by_configuration.alarm_arns)
    sensitive        = keys(module.sensitive.alarm_arns)
  }
}
