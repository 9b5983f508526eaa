"""The rule of every route. A route without a rule fails the walk."""

from enum import Enum


class Access(Enum):
    ANYONE = "anyone, without an account"
    ACCOUNT = "every account, about itself"
    TEAM = "the members of the team in its path who have its permission; for anybody else, administrators included, the team does not exist"
    OBJECT = "the owner of the object in its path; for anybody else, administrators included, the object does not exist"
    OBJECT_OR_ADMIN = "the owner of the object; administrators read it, and are refused where it changes alerts"
    ADMIN = "administrators"


RULES: dict[Access, str] = {
    Access.ANYONE: """
        auth.jwks auth.login auth.refresh auth.register auth.request_password_reset auth.resend_verification auth.reset_password
        auth.confirm_email_change auth.login_second_factor auth.verify_email auth.begin_device_authorization auth.redeem_device_code
        auth.begin_provider_login auth.receive_authorization_response auth.finish_provider_login auth.identity_provider auth.identity_providers
        auth.begin_passkey_login auth.login_with_passkey auth.receive_ses_notification
        billing.handle_stripe_webhook billing.plans
        monitor.webhook_event_types
    """,
    Access.ACCOUNT: """
        auth.email_delivery auth.lift_own_suppression
        auth.audit auth.cancel_email_change auth.change_password auth.delete_account auth.email_change auth.export auth.logout auth.profile
        auth.registration auth.me
        auth.request_email_change auth.restore_account auth.revoke_sessions auth.sessions auth.update_profile
        auth.create_token auth.tokens auth.begin_second_factor auth.confirm_identity auth.disable_second_factor auth.enable_second_factor
        auth.replace_recovery_codes auth.second_factor auth.accept_invitation auth.create_team auth.permissions auth.teams
        auth.find_device_authorization auth.decide_device_authorization
        auth.begin_identity_link auth.finish_identity_link auth.identities
        auth.begin_passkey_registration auth.passkeys auth.register_passkey
        billing.cancel_subscription billing.current_bill billing.customer billing.export billing.invoices billing.resume_subscription
        billing.subscribe billing.set_billing_details billing.payment_method billing.set_payment_method billing.subscription
        deploy.applications deploy.create_application deploy.inspect_repository deploy.export deploy.quota
        monitor.alerts monitor.export monitor.create_webhook monitor.webhooks
    """,
    Access.TEAM: """
        auth.change_member_role auth.delete_team auth.invitations auth.invite_member auth.leave_team auth.remove_member auth.revoke_invitation
        auth.set_member_grants auth.team auth.team_members auth.transfer_team auth.update_team
        auth.create_service_account auth.create_service_account_token auth.delete_service_account auth.revoke_service_account_token
        auth.service_account_tokens auth.service_accounts auth.update_service_account
    """,
    Access.OBJECT: """
        auth.revoke_session auth.revoke_token auth.unlink_identity auth.delete_passkey auth.rename_passkey
        billing.credit_note_pdf billing.invoice billing.invoice_pdf billing.pay_invoice
        monitor.delete_webhook monitor.redeliver_webhook monitor.rotate_webhook_secret monitor.send_test_event monitor.update_webhook
        monitor.webhook monitor.webhook_deliveries
        deploy.application deploy.application_configuration deploy.cancel_deployment deploy.cancel_run deploy.change_application
        deploy.configure_application deploy.configure_environment deploy.create_deploy_key deploy.create_environment
        deploy.delete_application deploy.delete_environment deploy.delete_repository_token deploy.deploy deploy.deployment
        deploy.operation deploy.operation_events
        deploy.deployments deploy.environment_configuration deploy.environments deploy.instances deploy.promote deploy.release
        deploy.releases deploy.rename_application deploy.repository_access deploy.restart_environment deploy.roll_back
        deploy.attach_run deploy.rotate_deploy_key deploy.run deploy.runs deploy.scale_environment deploy.set_host_keys deploy.set_repository_token
        deploy.start_environment deploy.start_run deploy.stop_environment deploy.transfer_application deploy.protect_environment
        deploy.start_maintenance deploy.end_maintenance deploy.inspection deploy.scale_processes deploy.create_schedule deploy.change_schedule
        deploy.delete_schedule deploy.run_schedule deploy.schedules deploy.schedule_runs
        deploy.add_domain deploy.change_domain deploy.check_domain deploy.delete_domain_certificate deploy.domain deploy.domains
        deploy.remove_domain deploy.set_domain_certificate
        deploy.add_external_data_service deploy.bind_data_service deploy.create_data_service deploy.data_service deploy.data_services
        deploy.data_service_logs deploy.data_service_metrics
        deploy.backup_policy deploy.create_service_backup deploy.delete_service_backup deploy.restore_data_service deploy.service_backup
        deploy.service_backups deploy.set_backup_policy
        deploy.delete_data_service deploy.open_service_tunnel deploy.rotate_data_service deploy.scale_data_service
        deploy.unbind_data_service deploy.undelete_data_service
        deploy.attach_volume deploy.create_volume deploy.create_volume_snapshot deploy.delete_volume deploy.delete_volume_snapshot
        deploy.detach_volume deploy.resize_volume deploy.restore_volume deploy.undelete_volume deploy.volume deploy.volume_snapshots deploy.volumes
    """,
    Access.OBJECT_OR_ADMIN: """
        monitor.acknowledge_alert monitor.alert_channels monitor.alert_deliveries monitor.alert_rules monitor.application_alerts
        monitor.create_alert_channel monitor.create_alert_rule monitor.delete_alert_channel monitor.delete_alert_rule monitor.logs
        monitor.metrics monitor.try_alert_channel
        auth.operation auth.operation_events billing.operation billing.operation_events monitor.operation monitor.operation_events
        monitor.timeline
    """,
    Access.ADMIN: """
        auth.email_suppressions auth.lift_suppression auth.mailbox auth.mailbox_email
        auth.audit_chain auth.remove_second_factor auth.suspend_user auth.unlock_user auth.unsuspend_user auth.user auth.users
        auth.dead_letters auth.registrations auth.resume_registration auth.settle_dead_letters
        billing.dead_letters billing.operator_customers billing.operator_invoices billing.operator_payments billing.refund_invoice
        billing.settle_dead_letters billing.void_invoice
        deploy.dead_letters deploy.function_instances deploy.settle_dead_letters
        monitor.dead_letters monitor.function_logs monitor.function_metrics monitor.queues monitor.settle_dead_letters
    """,
}

BY_ROUTE = {name: access for access, names in RULES.items() for name in names.split()}
