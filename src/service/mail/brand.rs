//! Brands of tenants and of the operator.

use crate::domain::brand::Brand;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::scim::Error as ScimError;
use crate::service::error::{Error, Result};
use crate::service::tenants::change_settings;
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::tenants::TenantSettings;

impl Service {
    /// What is set of a tenant's brand, or of the operator's (its own tenant).
    ///
    /// # Errors
    /// Storage.
    pub async fn find_brand(&self, tenant: &TenantId) -> Result<Brand> {
        Ok(self.find_tenant_settings(tenant).await?.brand)
    }

    /// The brand of a tenant's mails: the operator's where the tenant has set nothing.
    ///
    /// # Errors
    /// Storage.
    pub async fn brand_in_force(&self, tenant: &TenantId) -> Result<Brand> {
        let operator = self.find_brand(&TenantId::new(OPERATOR_TENANT)).await?;
        Ok(self.find_brand(tenant).await?.over(operator))
    }

    /// Replaces a tenant's brand, or the operator's.
    ///
    /// # Errors
    /// `Invalid` for a value that breaks its rule.
    pub async fn set_brand(&self, caller: &Caller, brand: Brand) -> Result<()> {
        brand.check().map_err(ScimError::invalid_value)?;
        self.change_settings_of(caller, move |settings| settings.brand = brand.clone())
            .await
    }

    /// Changes settings of the caller's tenant, the operator's own included.
    pub(super) async fn change_settings_of<F>(&self, caller: &Caller, change: F) -> Result<()>
    where
        F: Fn(&mut TenantSettings) + Send + 'static,
    {
        self.store
            .write(caller.meta(), move |tx| {
                change_settings(tx, &change)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}
