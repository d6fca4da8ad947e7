account_id       = "111122223333"
region           = "eu-central-1"
shipper_archive  = "logagg-shipper_0.1.0_arm64.zip"
enforcer_archive = "logagg-enforcer_0.1.0_arm64.zip"

destinations = {
  search = {
    type  = "elasticsearch"
    url   = "https://search.example:9200"
    index = "logs-lambda"
    auth = {
      type    = "api_key"
      api_key = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:search-AbCdEf:api_key"
    }
  }
}

secret_arns = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:search-AbCdEf"]
