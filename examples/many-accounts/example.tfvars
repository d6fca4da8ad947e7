places = {
  production-frankfurt = {
    region      = "eu-central-1"
    role_arn    = "arn:aws:iam::111122223333:role/logagg"
    shipper_arn = "arn:aws:lambda:eu-central-1:111122223333:function:logagg-shipper"
  }
  production-virginia = {
    region      = "us-east-1"
    role_arn    = "arn:aws:iam::111122223333:role/logagg"
    shipper_arn = "arn:aws:lambda:us-east-1:111122223333:function:logagg-shipper"
  }
  staging-frankfurt = {
    region      = "eu-central-1"
    role_arn    = "arn:aws:iam::444455556666:role/logagg"
    shipper_arn = "arn:aws:lambda:eu-central-1:444455556666:function:logagg-shipper"
  }
}
