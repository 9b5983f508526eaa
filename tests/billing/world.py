"""The billing context in memory, with the requests of its users. Housekeeping runs whenever time passes."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from events.auth import UserCreated
from events.monitor import UsageMeasured
from functions.billing import ports
from functions.billing.commands.cancel_subscription import CancelSubscription
from functions.billing.commands.pay_invoice import PayInvoice, PaymentAccepted
from functions.billing.commands.refund_invoice import RefundAccepted, RefundInvoice
from functions.billing.commands.resume_subscription import ResumeSubscription
from functions.billing.commands.subscribe import Subscribe
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.views import CancellationView, InvoiceSummaryView, SubscriptionChangeView
from functions.billing.queries.current_bill import BillView, CurrentBill
from functions.billing.queries.customer import CustomerView, ShowCustomer
from functions.billing.queries.invoices import ListInvoices
from functions.billing.queries.subscription import ShowSubscription, SubscriptionView
from functions.kernel import Caller, Event, Page, new_id
from tests.capsule import Capsule, FixedClock
from tests.memory import billing as memory_billing
from tests.memory import billing_money, billing_provider, billing_reversals

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
USER, OTHER, ADMIN, APPLICATION = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=10)
E = TypeVar("E", bound=Event)


class FixedRenderer:
    async def render_pdf(self, *arguments: object) -> bytes:
        return b"%PDF"


class World:
    def __init__(self, *, takes_payments: bool = True) -> None:
        self.clock = FixedClock(NOW)
        self.capsule = Capsule(
            "billing",
            ports={ports.InvoiceRenderer: FixedRenderer, ports.CreditNoteRenderer: FixedRenderer},
            settings={} if takes_payments else {"CAPSULE_STRIPE_API_KEY": ""},
            clock=self.clock,
        )
        self.customers: memory_billing.MemoryCustomers = self.capsule.port(ports.Customers)
        self.usage: memory_billing.MemoryUsage = self.capsule.port(ports.Usage)
        self.subscriptions: billing_money.MemorySubscriptions = self.capsule.port(ports.Subscriptions)
        self.plans: memory_billing.MemoryPlans = self.capsule.port(ports.Plans)
        self.rated_periods: billing_money.MemoryRatedPeriods = self.capsule.port(ports.RatedPeriods)
        self.invoices: billing_money.MemoryInvoices = self.capsule.port(ports.Invoices)
        self.payments: billing_money.MemoryPayments = self.capsule.port(ports.Payments)
        self.credit_notes: billing_reversals.MemoryCreditNotes = self.capsule.port(ports.CreditNotes)
        self.disputes: billing_reversals.MemoryDisputes = self.capsule.port(ports.Disputes)
        self.ledger: billing_money.MemoryLedger = self.capsule.port(ports.Ledger)
        self.provider: billing_provider.MemoryProvider = self.capsule.port(ports.PaymentProvider)
        self.mailer: billing_provider.MemoryMailer = self.capsule.port(ports.Mailer)

    def turn_payments(self, is_on: bool) -> None:
        """As processes that start with or without the key of a provider."""
        self.capsule._containers["billing"]._instances[PaymentPolicy] = PaymentPolicy(is_on)

    # -- requests -----------------------------------------------------------------------------------------------------

    async def register(self, user: UUID = USER, at: datetime | None = None) -> None:
        await self.publish(UserCreated(user_id=user, email=f"{user.int}@example.org", at=at or self.clock.now()))

    async def subscribe(self, plan: str, method: str | None = "pm_card_visa", user: UUID = USER) -> SubscriptionChangeView:
        return await self._call(Subscribe(plan=plan, payment_method=method), user)

    async def subscribed(self, plan: str = "pro", user: UUID = USER) -> None:
        """Register, subscribe and pay."""
        await self.register(user)
        await self.subscribe(plan, user=user)
        await self.settle()

    async def cancel(self) -> CancellationView:
        return await self._call(CancelSubscription())

    async def resume(self) -> SubscriptionChangeView:
        return await self._call(ResumeSubscription())

    async def pay(self, invoice_id: UUID, method: str | None = None, user: UUID = USER) -> PaymentAccepted:
        return await self._call(PayInvoice(invoice_id=invoice_id, payment_method=method), user)

    async def refund(self, invoice_id: UUID, amount: int | None = None) -> RefundAccepted:
        request = RefundInvoice(invoice_id=invoice_id, amount=amount, reason="sorry")
        return await self.capsule.call(request, caller=Caller(ADMIN, frozenset({"user", "admin"})))

    async def subscription(self, user: UUID = USER) -> SubscriptionView:
        return await self._call(ShowSubscription(), user)

    async def customer(self, user: UUID = USER) -> CustomerView:
        return await self._call(ShowCustomer(), user)

    async def bill(self, user: UUID = USER) -> BillView:
        return await self._call(CurrentBill(), user)

    async def list_invoices(self, **request: Any) -> Page[InvoiceSummaryView]:
        return await self._call(ListInvoices(**request))

    async def _call(self, request: Any, user: UUID = USER) -> Any:
        return await self.capsule.call(request, caller=Caller(user))

    # -- events -------------------------------------------------------------------------------------------------------

    async def use(
        self,
        requests: int,
        at: datetime | None = None,
        *,
        id: UUID | None = None,
        user: UUID = USER,
        environment: str = "staging",
        cpu: int = 0,
        name: str = "",
    ) -> None:
        begin = at or self.clock.now()
        await self.publish(
            UsageMeasured(
                usage_id=id or new_id(),
                application_id=APPLICATION,
                user_id=user,
                environment=environment,
                window_from=begin,
                window_to=begin + timedelta(seconds=1),
                requests=requests,
                cpu_milliseconds=cpu,
                application=name,
            )
        )

    async def publish(self, event: Event) -> None:
        await self.capsule.publish(event)

    def events(self, kind: type[E]) -> list[E]:
        return self.capsule.events(kind)

    async def balance(self, user: UUID = USER) -> dict[str, int]:
        """Account → sum in minor units of EUR."""
        customer = await self.customers.get_by_user(user)
        assert customer is not None
        sums = (await self.ledger.balances([customer.id]))[customer.id]
        assert sum(sums.values()) == 0, sums
        return {account: amount for (account, _), amount in sums.items()}

    # -- time ---------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        await self.capsule.settle()

    async def wait(self, until: datetime | None = None, **duration: float) -> None:
        """Advance the clock, delivering timers at their time, and run housekeeping at the end."""
        await self.capsule.advance(until, **duration)
        await self.housekeeping()

    def lose_timers(self) -> None:
        """Drop all delayed messages, as if the broker had lost them."""
        self.capsule.forget_delayed()

    async def housekeeping(self) -> None:
        await self.capsule.run("billing.housekeeping")
